"""The offline verifier: re-check a bundle without model, network or database, and name what fails.

A bundle is a pure function of four of its own files (draft, review, template, options), so it is
built again and compared byte for byte. That alone would accept a bundle whose author recomputed
every hash; so the rules that compare figures with evidence read every sentence of `proposal.md`
again, and each approval must name the hash of exactly this text, evidence and context.

Decisions that a reviewer's wallet signed are bound to the account: whoever rewrites text, evidence
and decisions together cannot make them again. What this cannot know by itself is whose accounts
they are: name the committee's (`accounts`), or compare those that the report lists. Unsigned
decisions rest on the desk's log alone: compare `root` with the hash that the committee published.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from proposal.assemble import claims_of
from proposal.checks import rules_hash, run_checks
from proposal.checks.waivers import standing
from proposal.decisions import (
    Decision,
    Review,
    Subject,
    approving,
    check_chain,
    signature_faults,
    signers,
    subject_of,
    waived_findings,
    with_waivers,
)
from proposal.document import parse
from proposal.draft import Claim, Draft
from proposal.errors import IntegrityError
from proposal.evidence import Evidence, evidence_hash
from proposal.exports.bundle import (
    FORMAT,
    MANIFEST,
    BundleManifest,
    build_files,
    file_record,
    model_file,
)
from proposal.exports.container import ContainerError, read_bundle
from proposal.exports.markdown import FILE as PROPOSAL
from proposal.exports.markdown import front_matter
from proposal.exports.text import RULE, statement, visible
from proposal.hashing import canonical_json, sha256_data, sha256_text
from proposal.template import Template

Model = TypeVar("Model", bound=BaseModel)

MAX_PROBLEMS = 200
"""Problems that a report lists; a bundle with more is not the better known for a longer list."""

MAX_SHOWN = 300
"""Characters of a sentence that a problem repeats."""

REQUIRED = (MANIFEST, "draft.json", "review.json", "template.json", "findings.json",
            "evidence.jsonl", PROPOSAL, "STATEMENT.txt")  # fmt: skip


_CODES = {"EV-number": "figure", "EV-uncited-claim": "figure", "EV-dangling": "citation",
          "EV-quote": "quotation", "EV-unknown-hash": "citation",
          "EV-unknown-link": "citation"}  # fmt: skip
"""Rules that compare the text with its evidence, and what the verifier calls their findings."""


class VerifyProblem(BaseModel):
    """One thing that does not hold: code, file, place in it (line:column), sentence, message."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    code: str
    file: str
    place: str = ""
    sentence: str = ""
    message: str

    def __str__(self) -> str:
        where = ":".join(part for part in (self.file, self.place) if part)
        shown = f"\n  sentence: {self.sentence}" if self.sentence else ""
        return f"{where}: {self.message} ({self.code}){shown}"


class VerifyReport(BaseModel):
    """What the verifier found; `root` is the SHA-256 of the manifest, the one hash to publish.

    `signed_by` names each standing approval with a signature that holds as “name account”, `unsigned` the reviewers
    whose standing approval has none.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    ok: bool
    problems: tuple[VerifyProblem, ...]
    counts: dict[str, int]
    root: str = ""
    signed_by: tuple[str, ...] = ()
    unsigned: tuple[str, ...] = ()

    def vouching(self) -> str:
        """Say in one line what the approvals rest on."""
        said = []
        if self.signed_by:
            said.append(f"{len(self.signed_by)} signed by {', '.join(self.signed_by)}")
        if self.unsigned:
            names = ", ".join(self.unsigned)
            said.append(f"{len(self.unsigned)} unsigned ({names}): vouched for by the desk's log only")
        return f"approvals: {'; '.join(said)}" if said else "approvals: none"

    def require(self, where: str) -> None:
        """Raise `IntegrityError` (exit code 5) unless everything held."""
        if not self.ok:
            more = len(self.problems) - 1
            rest = f"\n  and {more} more problems" if more else ""
            raise IntegrityError(
                f"the bundle does not hold: {self.problems[0]}{rest}",
                where=where,
                expected="a bundle whose every hash, citation, figure and approval holds",
                fix="do not publish it; ask its sender for the bundle as it was exported",
            )


@dataclass
class _Bundle:
    """The parsed content of a bundle; exists only once every part could be read."""

    files: Mapping[str, bytes]
    manifest: BundleManifest
    draft: Draft
    review: Review
    template: Template


@dataclass
class _Notes:
    """Problems and counts as they come up."""

    problems: list[VerifyProblem] = field(default_factory=list)
    counts: dict[str, int] = field(default_factory=dict)
    signed_by: tuple[str, ...] = ()
    unsigned: tuple[str, ...] = ()

    def say(self, code: str, file: str, message: str, *, place: str = "", sentence: str = "") -> None:
        """Note a problem; foreign text is printed on one line and without control characters."""
        if len(self.problems) < MAX_PROBLEMS:
            shown = visible(sentence)
            problem = VerifyProblem(
                code=code,
                file=file,
                place=visible(place),
                sentence=shown if len(shown) <= MAX_SHOWN else shown[:MAX_SHOWN] + "…",
                message=visible(message),
            )
            self.problems.append(problem)

    def report(self, files: Mapping[str, bytes]) -> VerifyReport:
        """Return the report; problems that name a sentence come first, they say most to a reader."""
        root = hashlib.sha256(files[MANIFEST]).hexdigest() if MANIFEST in files else ""
        ordered = sorted(self.problems, key=lambda problem: not problem.sentence)
        return VerifyReport(ok=not ordered, problems=tuple(ordered), counts=self.counts, root=root,
                            signed_by=self.signed_by, unsigned=self.unsigned)  # fmt: skip


def verify_bundle(path: Path, *, accounts: Collection[str] = ()) -> VerifyReport:
    """Re-check the bundle at a path (folder or .zip); never raises on what it finds there.

    `accounts` (checksummed addresses): then only approvals signed by these count towards the quorum.
    """
    try:
        files = read_bundle(path)
    except ContainerError as error:
        found = _Notes()
        found.say("container", error.file or path.name, error.message)
        return found.report({})
    return verify_files(files, accounts=accounts)


def verify_files(files: Mapping[str, bytes], *, accounts: Collection[str] = ()) -> VerifyReport:
    """Re-check the files of a bundle; `accounts` as for `verify_bundle`."""
    found = _Notes(counts={"files": len(files)})
    for name in REQUIRED:
        if name not in files:
            found.say("file-missing", name, "the bundle does not have this file")
    bundle = _parse(files, found)
    if bundle is None:
        found.say("not-verified", MANIFEST, "nothing else was checked: a file it needs is missing "
                  "or cannot be read")  # fmt: skip
        return found.report(files)
    for check in (_listed_files, _rebuilt_files, _manifest_of_draft, _evidence, _text, _figures,
                  _decisions):  # fmt: skip
        check(bundle, found)
    _signatures(bundle, frozenset(accounts), found)
    return found.report(files)


# --- reading ------------------------------------------------------------------------------------


def _parse(files: Mapping[str, bytes], found: _Notes) -> _Bundle | None:
    manifest = _read_model(BundleManifest, MANIFEST, files, found)
    draft = _read_model(Draft, "draft.json", files, found)
    review = _read_model(Review, "review.json", files, found)
    template = _read_model(Template, "template.json", files, found)
    if manifest is None or draft is None or review is None or template is None:
        return None
    return _Bundle(files, manifest, draft, review, template)


def _read_model(model: type[Model], name: str, files: Mapping[str, bytes], found: _Notes) -> Model | None:
    """Read one file into its closed model; the bytes must be exactly what the model is written as.

    The comparison leaves no room for anything that a parser would pass over: keys that stand twice,
    spaces, another spelling of a number.
    """
    if name not in files:
        return None
    try:
        data = _read_json(name, files[name], found)
    except _UnreadableError:
        return None
    if name == MANIFEST and isinstance(data, dict) and data.get("format") != FORMAT:
        found.say("format", name, f"the format is '{str(data.get('format'))[:60]}', this software "
                  f"verifies '{FORMAT}'")  # fmt: skip
        return None
    try:
        parsed = model.model_validate(data)
        canonical = model_file(parsed)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"])
        found.say("schema", name, f"'{place[:120]}': {str(first['msg'])[:200]}")
        return None
    except (ValueError, RecursionError, OverflowError) as error:
        found.say("schema", name, f"cannot be read: {str(error)[:200]}")
        return None
    if canonical != files[name]:
        place = _first_difference(canonical, files[name])
        found.say("not-canonical", name, "the file is not written as this software writes it: "
                  "something was added or changed", place=place)  # fmt: skip
    return parsed


class _UnreadableError(Exception):
    """The file is no JSON; the problem has been noted."""


def _read_json(name: str, data: bytes, found: _Notes) -> Any:
    try:
        return json.loads(data.decode("utf-8"))
    except UnicodeDecodeError as error:
        found.say("not-utf8", name, f"byte {error.start} is not UTF-8 text")
    except json.JSONDecodeError as error:
        found.say("not-json", name, f"not valid JSON: {error.msg}",
                  place=f"{error.lineno}:{error.colno}")  # fmt: skip
    except (ValueError, RecursionError) as error:
        found.say("not-json", name, f"not usable JSON: {str(error)[:200]}")
    raise _UnreadableError


def _first_difference(expected: bytes, actual: bytes) -> str:
    """Return line:column of the first byte at which two files differ."""
    at = _difference_at(expected, actual)
    line_start = actual.rfind(b"\n", 0, at) + 1
    line = actual.count(b"\n", 0, at) + 1
    return f"{line}:{at - line_start + 1}"


def _difference_at(expected: bytes, actual: bytes) -> int:
    pairs = enumerate(zip(expected, actual, strict=False))
    return next((at for at, (a, b) in pairs if a != b), min(len(expected), len(actual)))


# --- files --------------------------------------------------------------------------------------


def _listed_files(bundle: _Bundle, found: _Notes) -> None:
    """Every file is in the manifest with its hash, and the manifest lists no other."""
    listed = bundle.manifest.files
    for name, data in bundle.files.items():
        if name == MANIFEST:
            continue
        if name not in listed:
            found.say("file-unlisted", name, "the manifest does not list this file")
        elif listed[name] != file_record(data):
            found.say("file-hash", name, "its SHA-256 or size is not the one in the manifest")
    for name in listed:
        if name not in bundle.files:
            found.say("file-missing", name, "the manifest lists this file, the bundle lacks it")


def _rebuilt_files(bundle: _Bundle, found: _Notes) -> None:
    """Every file is what draft, review, template and options make of it."""
    expected = build_files(
        bundle.draft,
        bundle.review,
        template=bundle.template,
        options=bundle.manifest.options,
        left_out=bundle.manifest.left_out,
    ).files
    for name, data in expected.items():
        actual = bundle.files.get(name)
        if actual is None:
            found.say("file-missing", name, "the options ask for this file, the bundle lacks it")
        elif actual != data and name != PROPOSAL:
            found.say("file-changed", name, "is not what the draft, its review and the options "
                      "make of it", place=_first_difference(data, actual))  # fmt: skip
    for name in bundle.files:
        if name not in expected:
            found.say("file-unknown", name, "nothing in the draft or the options makes this file")


def _manifest_of_draft(bundle: _Bundle, found: _Notes) -> None:
    """The hashes that the draft was made under are those of what lies in the bundle."""
    draft, manifest = bundle.draft, bundle.draft.manifest
    recomputed = {
        "brief_hash": sha256_data(draft.brief),
        "evidence_hash": evidence_hash({item.id: item for item in draft.evidence}),
        "text_hash": sha256_text(draft.text),
        "template_hash": bundle.template.hash,
    }
    recorded = manifest.model_dump(include=set(recomputed))
    for name, value in recomputed.items():
        if recorded[name] != value:
            found.say("draft-hash", "draft.json", f"manifest.{name} is not the hash of what the "
                      "bundle holds")  # fmt: skip
    if manifest.template != bundle.template.name:
        found.say("draft-hash", "template.json", f"is '{bundle.template.name}', the draft was made "
                  f"with '{manifest.template}'")  # fmt: skip
    # A desk may ask for signatures where the template does not; it may not do without them where the template does.
    asked, ours = bundle.template.review, bundle.review.profile
    if ours not in (asked, asked.model_copy(update={"signatures": "required"})):
        found.say("profile", "review.json", "the review profile is not the template's")


# --- evidence and text --------------------------------------------------------------------------


def _evidence(bundle: _Bundle, found: _Notes) -> None:
    """The evidence file holds the draft's evidence, item by item, each with its own hash."""
    name = "evidence.jsonl"
    items = bundle.draft.evidence
    found.counts["evidence"] = len(items)
    times = Counter(item.id for item in items)
    for repeated in sorted(identity for identity, count in times.items() if count > 1):
        found.say("evidence-repeats", "draft.json", f"the evidence id {repeated} stands twice")
    lines = bundle.files.get(name, b"").split(b"\n")
    if lines and lines[-1] == b"":
        lines.pop()
    for number, line in enumerate(lines, start=1):
        _evidence_line(number, line, items, found)
    if len(lines) != len(items):
        found.say("evidence-changed", name, f"{len(lines)} items, the draft has {len(items)}")


def _evidence_line(number: int, line: bytes, items: tuple[Evidence, ...], found: _Notes) -> None:
    name, place = "evidence.jsonl", f"{number}:1"
    try:
        data = _read_json(name, line, found)
    except _UnreadableError:
        return
    try:
        item = Evidence.model_validate(data)
    except ValidationError as error:
        message = str(error.errors()[0]["msg"])[:200]
        found.say("evidence-hash", name, f"not an evidence item: {message}", place=place)
        return
    drafted = items[number - 1] if number <= len(items) else None
    if item != drafted or canonical_json(item).encode("utf-8") != line:
        found.say("evidence-changed", name, f"{item.id} is not the evidence that the draft rests "
                  "on", place=place)  # fmt: skip


def _text(bundle: _Bundle, found: _Notes) -> None:
    """The published text is the drafted text with the DAO's front matter and the statement."""
    draft = bundle.draft
    text = _decoded(bundle, found)
    head, tail = _around(bundle)
    expected = head + draft.text.rstrip("\n") + tail
    if text != expected:
        at = _difference_at(expected.encode("utf-8"), text.encode("utf-8"))
        offset = len(text.encode("utf-8")[:at].decode("utf-8", errors="ignore"))
        place, sentence = _sentence_at(text, offset)
        found.say("text-changed", PROPOSAL, "the text is not the one that was drafted and "
                  "approved", place=place, sentence=sentence)  # fmt: skip
    if draft.title and f"# {draft.title}" not in draft.text.split("\n"):
        found.say("title", "draft.json", f"the title '{draft.title[:120]}' is not in the text")
    for section in draft.sections:
        if section.text.strip() not in draft.text:
            found.say("section", "draft.json", f"the section '{section.key}' is not in the text",
                      sentence=section.text)  # fmt: skip


def _decoded(bundle: _Bundle, found: _Notes) -> str:
    data = bundle.files.get(PROPOSAL, b"")
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        found.say("not-utf8", PROPOSAL, f"byte {error.start} is not UTF-8 text", place=f"{line}:1")
        return data.decode("utf-8", errors="replace")


def _around(bundle: _Bundle) -> tuple[str, str]:
    """Return what stands before and behind the drafted text in `proposal.md`."""
    options = bundle.manifest.options.markdown
    head = front_matter(bundle.draft, bundle.template, options)
    return head, RULE + statement(bundle.draft, bundle.review) + "\n"


def _published(bundle: _Bundle) -> tuple[str, int]:
    """Return the drafted text as it stands in `proposal.md`, and where it begins."""
    text = bundle.files.get(PROPOSAL, b"").decode("utf-8", errors="replace")
    head, tail = _around(bundle)
    start = len(head) if text.startswith(head) else 0
    end = len(text) - len(tail) if text.endswith(tail) else len(text)
    return text[start : max(start, end)] + "\n", start


def _sentence_at(text: str, offset: int) -> tuple[str, str]:
    """Return line:column of an offset and the sentence that it lies in."""
    document = parse(text)
    line, column = document.line_column(min(offset, len(text)))
    for sentence in document.sentences:
        if sentence.start <= offset <= sentence.end:
            return f"{line}:{column}", sentence.text
    lines = text.split("\n")
    return f"{line}:{column}", lines[line - 1] if line <= len(lines) else ""


# --- figures, citations, claims -----------------------------------------------------------------


def _figures(bundle: _Bundle, found: _Notes) -> None:
    """Check the published text again: its figures, citations and quotations, and its findings.

    Under another version of the rules only those that compare with evidence are asked: a bundle
    does not lose its truth because a rule of style came later.
    """
    draft = bundle.draft
    text, start = _published(bundle)
    if text.rstrip("\n") == draft.text.rstrip("\n"):
        text = draft.text
    whole = bundle.files.get(PROPOSAL, b"").decode("utf-8", errors="replace")
    evidence = {item.id: item for item in draft.evidence}
    findings = run_checks(
        text,
        template=bundle.template,
        language=draft.language,
        evidence=evidence,
        brief=draft.brief,
    )
    same_rules = draft.manifest.rules_hash == rules_hash()
    review = bundle.review
    waived = waived_findings(findings, review.waivers, profile=review.profile, authors=draft.brief.authors)
    found.counts["waived"] = len(waived) - len(standing(waived))
    for finding in standing(waived):
        code = _CODES.get(finding.rule, "finding" if same_rules else "")
        if finding.severity == "error" and code:
            place, sentence = _sentence_at(whole, start + finding.start)
            found.say(code, PROPOSAL, f"{finding.message} ({finding.rule})", place=place,
                      sentence=sentence)  # fmt: skip
    if same_rules and text == draft.text and tuple(findings) != draft.findings:
        found.say("findings-changed", "findings.json", "the findings recorded are not those that "
                  "the same rules give for this text")  # fmt: skip
    claims = claims_of(text, findings=findings, evidence=evidence, brief=draft.brief)
    found.counts["claims"] = len(claims)
    found.counts["figures"] = sum(len(claim.figures) for claim in claims)
    found.counts["citations"] = sum(len(claim.cites) for claim in claims)
    _recorded_claims(draft, claims, found, with_verdicts=same_rules)


def _recorded_claims(draft: Draft, claims: tuple[Claim, ...], found: _Notes, *, with_verdicts: bool) -> None:
    """The claims that the draft records are those that its text makes; verdicts are the rules' of that time."""
    for number, (recorded, derived) in enumerate(zip(draft.claims, claims, strict=False), start=1):
        if not with_verdicts:
            derived = derived.model_copy(update={"verdict": recorded.verdict, "reason": recorded.reason})
        if recorded != derived:
            found.say("claim-changed", "draft.json", f"claim {number} is recorded otherwise than "
                      "the text states it", sentence=recorded.text)  # fmt: skip
            return
    if len(draft.claims) != len(claims):
        found.say("claim-changed", "draft.json", f"{len(draft.claims)} claims are recorded, the "
                  f"text makes {len(claims)}")  # fmt: skip


# --- decisions ----------------------------------------------------------------------------------


def _decisions(bundle: _Bundle, found: _Notes) -> None:
    """The chain is whole, the decisions are on this text and evidence, and the quorum stands."""
    review, name = bundle.review, "review.json"
    found.counts["decisions"] = len(review.decisions)
    for problem in check_chain(review.decisions):
        found.say(problem.code, name, problem.message, place=f"decision {problem.row + 1}")
    subject = review.subject(bundle.draft)
    bare = subject_of(bundle.draft, draft_id=review.draft_id, version=review.version, profile=review.profile)
    # A decision from before a waiver is history: it counts for nothing, and it is no contradiction.
    earlier = {with_waivers(bare, review.waivers[:count]).context_hash for count in range(len(review.waivers))}
    for row, decision in enumerate(review.decisions, start=1):
        for message in _departures(decision, subject, earlier):
            found.say("decision-binding", name, message, place=f"decision {row}")
        if decision.decided_at > review.asked_at:
            found.say("decision-time", name, f"{decision.reviewer} decided after the export",
                      place=f"decision {row}")  # fmt: skip
    state = review.state(bundle.draft)
    found.counts["approvals"] = state.approvals
    for reason in state.reasons:
        found.say("quorum", name, reason)


def _signatures(bundle: _Bundle, accounts: frozenset[str], found: _Notes) -> None:
    """Every signature is of its decision and of its reviewer's account, and the named accounts carry the quorum."""
    review, name = bundle.review, "review.json"
    faults = signature_faults(review.decisions)
    for fault in faults:
        found.say(fault.code, name, fault.message, place=f"decision {fault.row + 1}")
    broken = [review.decisions[fault.row] for fault in faults]
    state = review.state(bundle.draft)
    held = [(one, account) for one, account in signers(state) if one not in broken]
    found.counts["signed"] = len(held)
    found.signed_by = tuple(f"{visible(one.reviewer)} {account}" for one, account in held)
    found.unsigned = tuple(visible(one.reviewer) for one in approving(state) if one.signature is None)
    known = {account for _, account in held if account in accounts}
    if accounts and len(known) < state.needed:
        found.say("quorum-signed", name, f"{len(known)} of {state.needed} needed approvals are signed by the accounts "
                  "that you named")  # fmt: skip


def _departures(decision: Decision, subject: Subject, earlier: Collection[str]) -> Iterator[str]:
    """Yield what of a decision on this version is not what lies in the bundle."""
    if decision.draft_id != subject.draft_id:
        yield f"{decision.reviewer} decided on the draft {decision.draft_id}"
    if decision.version > subject.version:
        yield f"{decision.reviewer} decided on the later version {decision.version}"
    if decision.version != subject.version:
        return
    hashes = (
        ("text", decision.text_hash, subject.text_hash),
        ("evidence", decision.evidence_hash, subject.evidence_hash),
        ("context (brief, sections, manifest, profile or waivers)",
         subject.context_hash if decision.context_hash in earlier else decision.context_hash, subject.context_hash),
    )  # fmt: skip
    for what, decided, found in hashes:
        if decided != found:
            yield f"{decision.reviewer} decided on another {what} than the one in the bundle"
