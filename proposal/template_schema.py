"""The closed schema of a proposal template: what a DAO can say about its proposals.

Which sections the model writes and which the server writes is decided in this data, because
everything that need not be phrased (tables, clauses, options, references) cannot be wrong when the
server writes it. Reading files, inheritance and linting are in `proposal.template`, which is also
where other modules import these names from.
"""

from __future__ import annotations

import datetime as dt
import functools
import re
from collections.abc import Mapping
from decimal import Decimal
from typing import Annotated, Any, Literal

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    SerializerFunctionWrapHandler,
    field_validator,
    model_serializer,
    model_validator,
)

from proposal.brief import Brief, ProposalType
from proposal.errors import InputError, nearest
from proposal.findings import Severity
from proposal.hashing import leave_out, sha256_data
from proposal.headings import heading_pieces, normal_heading, whole_headings
from proposal.placeholders import FILLER_TEXT, WORK_MARK
from proposal.values import Language

CONTENT_KINDS = (
    "authors",
    "parameters",
    "evidence",
    "options",
    "references",
    "conflicts",
    "disclosure",
)
"""What the server can write into a section; besides these, `clause:<name>` inserts a clause."""

Requirement = Literal[
    "budget_table",
    "budget_total",
    "recipient",
    "funding_source",
    "reporting",
    "dated_milestone",
    "accountable_party",
    "kpi",
    "security",
    "rollback",
    "conflicts",
    "compatibility",
    "alternatives",
]
"""What a type of proposal must state beyond its sections (the TY- rules)."""

ProcessKind = Literal[
    "min_discussion_days",
    "max_age_days",
    "voting_days",
    "min_comments",
    "approvals",
    "threshold",
    "quorum",
    "max_actions",
    "link_required",
    "phrase",
    "statement",
]
"""The process facts that can be linted; `statement` is told to the reader and not checked."""

_KEY = re.compile(r"[a-z][a-z0-9_]{0,39}\Z")
_NAME = re.compile(r"[a-z][a-z0-9-]{0,59}\Z")
_RULE_ID = re.compile(r"[A-Z]{2}-[a-z0-9]{1,20}(?:-[a-z0-9]{1,20}){0,5}\Z")
_VERSION = re.compile(r"[0-9]{1,4}(?:\.[0-9]{1,4}){0,2}\Z")
PLACEHOLDER = re.compile(r"\{([A-Za-z_]{1,20})\}")
_HTML = re.compile(r"<[A-Za-z!/]")

TITLE_PARTS = {
    "title": "(?P<title>.{1,300})",
    "year": "[0-9]{4}",
    "month": "[0-9]{2}",
    "day": "[0-9]{2}",
    "date": "[0-9]{4}-[0-9]{2}-[0-9]{2}",
    "seq": "[0-9]{1,6}",
    "version": r"[0-9]{1,4}(?:\.[0-9]{1,4}){1,3}",
}
"""The placeholders of title patterns, each with what it matches; `{number}` is the numbering."""

WORDS_TO_CHARACTERS = (3, 4)
"""Chinese characters that say what so many English words say (measured on our own texts)."""


class _Closed(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Bilingual(_Closed):
    """One text in the languages of the template; a missing one falls back to the other."""

    en: str = Field(default="", max_length=4_000)
    zh: str = Field(default="", max_length=4_000)

    @model_validator(mode="after")
    def _something(self) -> Bilingual:
        if not self.en and not self.zh:
            raise ValueError("give the text in 'en' or 'zh'")
        return self

    def in_(self, language: Language) -> str:
        return (self.zh or self.en) if language == "zh" else (self.en or self.zh)


class BilingualList(_Closed):
    """Lists of texts, one per language."""

    en: tuple[str, ...] = Field(default=(), max_length=80)
    zh: tuple[str, ...] = Field(default=(), max_length=80)

    def in_(self, language: Language) -> tuple[str, ...]:
        return self.zh if language == "zh" else self.en


class SectionSpec(_Closed):
    """One section: its headings, who writes it and what it must hold.

    `required` is what a proposal must have (a missing one blocks); `expected` is what it should
    have (a missing one warns); `drafted` is whether our drafts have it. `append` lists what the
    server adds below the section's text.
    """

    key: str
    heading: Bilingual
    aliases: BilingualList = BilingualList()
    required: bool
    expected: bool = False
    drafted: bool = True
    level: int = Field(default=2, ge=2, le=4)
    writer: Literal["model", "server"]
    content: str = ""
    append: tuple[str, ...] = ()
    guidance: Bilingual | None = None
    evidence: Literal["required", "allowed", "none"] = "allowed"
    min_words: int = Field(default=40, ge=0, le=5_000)
    max_words: int = Field(default=160, ge=1, le=10_000)
    only_for: tuple[ProposalType, ...] = ()
    source: str = ""

    @field_validator("key")
    @classmethod
    def _key_form(cls, key: str) -> str:
        if not _KEY.match(key):
            raise ValueError(f"'{key}' is not a key (a small letter, then small letters, digits or _)")
        return key

    @field_validator("content")
    @classmethod
    def _content_form(cls, content: str) -> str:
        return _check_content(content) if content else content

    @field_validator("append")
    @classmethod
    def _append_form(cls, append: tuple[str, ...]) -> tuple[str, ...]:
        for content in append:
            _check_content(content)
        return append

    @model_validator(mode="after")
    def _whole(self) -> SectionSpec:
        if self.writer == "server" and not self.content:
            raise ValueError(
                f"'content' is missing: a server-written section says what it holds "
                f"({', '.join(CONTENT_KINDS)} or clause:<name>)"
            )
        if self.writer == "server" and self.guidance is not None:
            raise ValueError("'guidance' instructs the model; a server-written section has none")
        if self.writer == "model" and self.content:
            raise ValueError(f"a model-written section has no 'content': write append: [{self.content}]")
        if self.writer == "model" and self.drafted and self.guidance is None:
            raise ValueError("'guidance' is missing: it tells the model what to write")
        if self.required and not self.drafted:
            raise ValueError("'drafted' is false, but the section is required: our drafts would lack it")
        if self.min_words > self.max_words:
            raise ValueError(f"'min_words' ({self.min_words}) is above 'max_words' ({self.max_words})")
        return self

    def heading_in(self, language: Language) -> str:
        return self.heading.in_(language)

    def names(self) -> tuple[str, ...]:
        """Return every heading this section is known by, in both languages, the printed first."""
        names = (self.heading.en, self.heading.zh, *self.aliases.en, *self.aliases.zh)
        return tuple(name for name in names if name)

    def contents(self) -> tuple[str, ...]:
        """Return what the server writes in this section, in order (empty for plain model text)."""
        return ((self.content,) if self.content else ()) + self.append

    def band(self, language: Language) -> tuple[int, int]:
        """Return the length band in the language's own count: words, or Chinese characters."""
        if language == "zh":
            words, characters = WORDS_TO_CHARACTERS
            return (
                self.min_words * characters // words,
                self.max_words * characters // words,
            )
        return (self.min_words, self.max_words)


def _check_content(content: str) -> str:
    if content in CONTENT_KINDS:
        return content
    if content.startswith("clause:") and _KEY.match(content.removeprefix("clause:")):
        return content
    near = nearest(content, CONTENT_KINDS)
    hint = f"did you mean '{near}'?" if near else f"known: {', '.join(CONTENT_KINDS)}, clause:<name>"
    raise ValueError(f"unknown content '{content}' ({hint})")


class FrontMatterField(_Closed):
    """One key of the front matter; `fill` says what the server writes there.

    `required_when` names keys and their values beside which this key is required too.
    """

    key: str = Field(min_length=1, max_length=60)
    required: bool
    required_when: dict[str, str] = Field(default_factory=dict, max_length=5)
    kind: Literal["text", "date", "integer", "enum", "url", "list"] = "text"
    values: tuple[str, ...] = ()
    min_chars: int = Field(default=0, ge=0)
    max_chars: int = Field(default=2_000, ge=1)
    fill: Literal["title", "authors", "date", "discussion_url", "summary", "default", "none"] = "none"
    default: str = ""

    @model_validator(mode="after")
    def _whole(self) -> FrontMatterField:
        if self.kind == "enum" and not self.values:
            raise ValueError("'values' is missing: an enum lists what is allowed")
        if self.values and self.default and self.default not in self.values:
            raise ValueError(f"the default '{self.default}' is not among the values")
        if self.fill == "default" and not self.default:
            raise ValueError("'default' is missing: fill: default prints it")
        if self.min_chars > self.max_chars:
            raise ValueError(f"'min_chars' ({self.min_chars}) is above 'max_chars' ({self.max_chars})")
        return self

    def is_required(self, values: Mapping[str, object]) -> bool:
        """Tell whether front matter with these values needs this key."""
        beside = self.required_when.items()
        return self.required or any(str(values.get(key, "")).casefold() == value.casefold() for key, value in beside)


class FrontMatter(_Closed):
    """The front matter of the DAO's dialect: fields in order, and how strictly it is kept."""

    required: bool = False
    fields: tuple[FrontMatterField, ...] = ()
    unknown_keys: Literal["allow", "refuse"] = "allow"
    ordered: bool = False
    source: str = ""


class Limit(_Closed):
    """One limit of one venue. `fetch_live` marks one that the venue can change: ask it first."""

    venue: str
    field: Literal[
        "title",
        "body",
        "abstract",
        "description",
        "url",
        "choices",
        "choice",
        "actions",
        "envelope",
    ]
    min: int | None = Field(default=None, ge=0)
    max: int | None = Field(default=None, ge=1)
    warn: int | None = Field(default=None, ge=1)
    unit: Literal["characters", "items"] = "characters"
    fetch_live: bool = False
    note: str = ""
    source: str = Field(min_length=3)

    @model_validator(mode="after")
    def _whole(self) -> Limit:
        if self.min is None and self.max is None:
            raise ValueError("a limit states 'min' or 'max'")
        if self.min is not None and self.max is not None and self.min > self.max:
            raise ValueError(f"'min' ({self.min}) is above 'max' ({self.max})")
        return self


class TypeRules(_Closed):
    """What one type of proposal needs on top: sections that become required, and statements.

    `require` blocks when missing, `expect` warns.
    """

    sections: tuple[str, ...] = ()
    require: tuple[Requirement, ...] = ()
    expect: tuple[Requirement, ...] = ()
    source: str = ""

    @model_validator(mode="after")
    def _whole(self) -> TypeRules:
        for requirement in self.require:
            if requirement in self.expect:
                raise ValueError(f"'{requirement}' stands in both 'require' and 'expect'")
        return self


class Style(_Closed):
    """How this DAO likes its proposals: short, or consensus-building with an impact assessment."""

    tone: Literal["concise", "consensus-building"]
    impact_assessment: bool = False
    max_sentence_words: int = Field(default=35, ge=8, le=200)
    guidance: Bilingual

    @model_validator(mode="after")
    def _whole(self) -> Style:
        if self.tone == "consensus-building" and not self.impact_assessment:
            raise ValueError("'impact_assessment' must be true: a consensus-building style demands one")
        return self


class Clause(_Closed):
    """A fixed text that the server inserts; `{dao}` stands for the name of the DAO.

    `verbatim` marks a sentence that the DAO's own tools compare letter by letter.
    """

    text: Bilingual
    verbatim: bool = False
    source: str = ""

    @field_validator("text")
    @classmethod
    def _fit_to_print(cls, text: Bilingual) -> Bilingual:
        for words in (text.en, text.zh):
            leftover = _HTML.search(words) or WORK_MARK.search(words) or FILLER_TEXT.search(words)
            if leftover:
                raise ValueError(f"'{leftover[0]}' must not stand in a printed clause (placeholder or HTML)")
            for name in PLACEHOLDER.findall(words):
                if name != "dao":
                    raise ValueError(f"'{{{name}}}' is not a placeholder of a clause (only {{dao}} is)")
        return text


class Voting(_Closed):
    """The options of the vote: by default, always included, and for which types exactly these."""

    default: BilingualList
    must_include: BilingualList = BilingualList()
    exactly_for: tuple[ProposalType, ...] = ()
    source: str = ""

    @model_validator(mode="after")
    def _whole(self) -> Voting:
        for language, options, needed in (
            ("en", self.default.en, self.must_include.en),
            ("zh", self.default.zh, self.must_include.zh),
        ):
            if options and len(options) < 2:
                raise ValueError(f"'default.{language}' has one option: a vote needs two")
            for option in needed:
                if option not in options:
                    raise ValueError(f"'default.{language}' lacks '{option}', which 'must_include' demands")
        return self


class ProcessFact(_Closed):
    """One rule of the process: `amount` with `unit`, or `words` of which the text holds one."""

    key: str
    kind: ProcessKind
    text: Bilingual
    amount: Decimal | None = Field(default=None, gt=0)
    unit: str = ""
    words: tuple[str, ...] = ()
    source: str = Field(min_length=3)

    @model_validator(mode="after")
    def _whole(self) -> ProcessFact:
        worded = self.kind in {"phrase", "link_required"}
        if worded and not self.words:
            raise ValueError(f"'words' is missing: a {self.kind} fact says what the text must hold")
        if not worded and self.kind != "statement" and self.amount is None:
            raise ValueError(f"'amount' is missing: a {self.kind} fact has a number")
        if self.amount is not None and not self.unit:
            raise ValueError("'unit' is missing: a number needs one")
        return self


NEVER_OVERRIDDEN = ("EV-", "AC-", "IN-")
"""Families whose blocking findings nobody may override: they say that the text states what its sources do not."""


class ReviewProfile(_Closed):
    """When a draft counts as approved: approvals of seats, whether authors vote, how long.

    With `signatures: required` only an approval counts that the reviewer's own wallet signed. `overridable` names the
    rules whose blocking findings two reviewers together may let stand.
    """

    approvals: int = Field(default=2, ge=1, le=100)
    seats: int = Field(default=3, ge=1, le=100)
    authors_excluded: bool = True
    min_hours: int = Field(default=0, ge=0, le=10_000)
    source: str = ""
    signatures: Literal["optional", "required"] = "optional"
    overridable: tuple[Annotated[str, Field(pattern=r"^[A-Z]{2}-[a-z0-9-]{2,40}$")], ...] = Field(
        default=(), max_length=60
    )

    @model_serializer(mode="wrap")
    def _as_before(self, write: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Leave out what stands at its default and is younger than stored reviews: their hashes must hold."""
        data = leave_out(write(self), signatures="optional")
        if not self.overridable:
            del data["overridable"]
        return data

    @model_validator(mode="after")
    def _whole(self) -> ReviewProfile:
        if self.approvals > self.seats:
            raise ValueError(f"{self.approvals} approvals of {self.seats} seats can never be reached")
        fixed = next((rule for rule in self.overridable if rule.startswith(NEVER_OVERRIDDEN)), None)
        if fixed:
            raise ValueError(f"{fixed} cannot be overridden: figures, citations, actions and injections are no opinion")
        return self


class Numbering(_Closed):
    """How proposals are numbered; `unnumbered` is the title pattern until a number is assigned."""

    pattern: str = Field(min_length=1, max_length=60)
    unnumbered: str = Field(min_length=1, max_length=120)
    assigned_by: Literal["author", "editor", "platform"]
    source: str = ""

    def number(self, on: dt.date, seq: int) -> str:
        """Return the number of the `seq`-th proposal, such as `#2025-04-01`."""
        parts = {
            "year": f"{on:%Y}",
            "month": f"{on:%m}",
            "day": f"{on:%d}",
            "date": on.isoformat(),
            "seq": f"{seq:02d}",
        }
        return PLACEHOLDER.sub(lambda match: parts.get(match[1], match[0]), self.pattern)


class Template(_Closed):
    """One template, complete: inheritance and venue limits are already resolved."""

    name: str
    version: str
    dao: str = Field(min_length=1, max_length=80)
    stage: str = Field(default="", max_length=40)
    about: Bilingual
    title_pattern: str = Field(min_length=1, max_length=120)
    title_accepts: tuple[str, ...] = Field(default=(), max_length=20)
    numbering: Numbering | None = None
    languages: tuple[Language, ...] = Field(min_length=1)
    source: tuple[str, ...] = Field(min_length=1)
    sections: tuple[SectionSpec, ...] = Field(min_length=1, max_length=40)
    front_matter: FrontMatter = FrontMatter()
    venues: tuple[str, ...] = ()
    limits: tuple[Limit, ...] = ()
    types: dict[ProposalType, TypeRules] = Field(default_factory=dict)
    style: Style
    clauses: dict[str, Clause] = Field(default_factory=dict)
    voting: Voting
    process: tuple[ProcessFact, ...] = ()
    review: ReviewProfile = ReviewProfile()
    severities: dict[str, Severity] = Field(default_factory=dict)
    severities_published: dict[str, Severity] = Field(default_factory=dict)

    @field_validator("name")
    @classmethod
    def _name_form(cls, name: str) -> str:
        if not _NAME.match(name):
            raise ValueError(f"'{name}' is not a name (a small letter, then small letters, digits or -)")
        return name

    @field_validator("version", mode="before")
    @classmethod
    def _version_form(cls, version: Any) -> Any:
        if not isinstance(version, str) or not _VERSION.match(version):
            raise ValueError(f"'{version}' is not a version: write one such as \"1.0\"")
        return version

    @field_validator("severities", "severities_published")
    @classmethod
    def _rule_ids(cls, severities: dict[str, Severity]) -> dict[str, Severity]:
        for rule in severities:
            if not _RULE_ID.match(rule):
                raise ValueError(f"'{rule}' is not a rule id (such as ST-req-section)")
        return severities

    @functools.cached_property
    def hash(self) -> str:
        """The SHA-256 of the template's resolved data; it stands in the manifest of every draft."""
        return sha256_data(self)

    @functools.cached_property
    def _by_heading(self) -> dict[str, SectionSpec]:
        return {normal_heading(name): section for section in reversed(self.sections) for name in section.names()}

    def section(self, key: str) -> SectionSpec | None:
        return next((section for section in self.sections if section.key == key), None)

    def specs_for_heading(self, title: str) -> tuple[SectionSpec, ...]:
        """Return the sections a heading stands for: none, one or, where it joins some, several."""
        for whole in whole_headings(title):
            spec = self._by_heading.get(normal_heading(whole))
            if spec is not None:
                return (spec,)
        pieces = (self._by_heading.get(normal_heading(piece)) for piece in heading_pieces(title))
        return tuple(dict.fromkeys(spec for spec in pieces if spec is not None))

    def sections_for(self, brief: Brief) -> tuple[SectionSpec, ...]:
        """Return the sections to draft, in order; those the brief's type requires are marked so."""
        if brief.language not in self.languages:
            raise InputError(
                f"the template '{self.name}' has no '{brief.language}' texts",
                where="brief: language",
                expected=f"one of: {', '.join(self.languages)}",
                fix="choose another language or template",
            )
        required = {section.key for section in self.required_sections(brief.type)}
        return tuple(
            section.model_copy(update={"required": section.key in required})
            for section in self.sections
            if section.key in required or (section.drafted and (not section.only_for or brief.type in section.only_for))
        )

    def required_sections(self, type_: ProposalType | None = None) -> tuple[SectionSpec, ...]:
        """Return what a proposal of this type must have; without a type, what every one must."""
        extra = self.types[type_].sections if type_ in self.types else ()
        return tuple(
            section
            for section in self.sections
            if section.key in extra or (section.required and (not section.only_for or type_ in section.only_for))
        )

    def expected_sections(self, type_: ProposalType | None = None) -> tuple[SectionSpec, ...]:
        """Return what a proposal of this type should have: a missing one is worth a warning."""
        required = self.required_sections(type_)
        return tuple(
            section
            for section in self.sections
            if section.expected and section not in required and (not section.only_for or type_ in section.only_for)
        )

    def severity(self, rule: str, default: Severity, *, published: bool) -> Severity:
        """Return how strongly a rule speaks; `published` is a text checked without our brief."""
        own = self.severities.get(rule, default)
        return self.severities_published.get(rule, own) if published else own

    def title(self, title: str, *, number: str = "", on: dt.date | None = None) -> str:
        """Return the title in the DAO's pattern; one that follows it already is left alone."""
        pattern = self.title_pattern
        if self.numbering is not None and number:
            unnumbered = _title_regex(self.numbering.unnumbered, "").match(title)
            title = unnumbered["title"] if unnumbered else title
        elif not self.title_problem(title):
            return title
        elif self.numbering is not None:
            pattern = self.numbering.unnumbered
        parts = {"title": title, "number": number}
        if on is not None:
            parts |= {
                "year": f"{on:%Y}",
                "month": f"{on:%m}",
                "day": f"{on:%d}",
                "date": on.isoformat(),
            }
        return PLACEHOLDER.sub(lambda match: parts.get(match[1], match[0]), pattern)

    def title_problem(self, title: str) -> str:
        """Say how a title departs from the DAO's patterns; empty when it follows one of them."""
        patterns = [self.title_pattern, *self.title_accepts]
        number = ""
        if self.numbering is not None:
            patterns.append(self.numbering.unnumbered)
            number = self.numbering.pattern
        if any(_title_regex(pattern, number).match(title) for pattern in patterns):
            return ""
        return f"the title does not follow '{patterns[0].replace('{number}', number)}'"

    def clause(self, name: str, language: Language, *, dao: str = "") -> str:
        """Return a clause's text with the DAO's name (the brief's, else the template's)."""
        return self.clauses[name].text.in_(language).replace("{dao}", dao or self.dao)

    def limits_of(self, venue: str) -> tuple[Limit, ...]:
        """Return the limits that the template states for a venue."""
        return tuple(limit for limit in self.limits if limit.venue == venue)


@functools.lru_cache(maxsize=256)
def _title_regex(pattern: str, number: str) -> re.Pattern[str]:
    """Compile a title pattern; every piece is bounded, so matching stays linear."""
    out: list[str] = []
    for piece in re.split(r"(\{[a-z]{1,12}\})", pattern.replace("{number}", number)):
        name = piece[1:-1]
        out.append(TITLE_PARTS[name] if piece.startswith("{") and name in TITLE_PARTS else re.escape(piece))
    return re.compile("".join(out) + r"\Z", re.DOTALL | re.IGNORECASE)
