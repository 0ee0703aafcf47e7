"""Templates: the built-in ones are whole, a DAO adds its own by one file, and the linter names
what is wrong with it.
"""

from __future__ import annotations

import datetime as dt
import json
import re
from pathlib import Path

import pytest

from proposal.brief import Brief, load_brief
from proposal.errors import AgentError, ConfigError, InputError, NotFoundError
from proposal.evidence import load_evidence
from proposal.headings import normal_heading
from proposal.template import (
    TEMPLATE_FOLDER,
    SectionSpec,
    Template,
    builtin_template,
    lint_template,
    load_template,
    template_for_dao,
    template_names,
    venue_limits,
    venue_names,
)

EXAMPLES = Path(__file__).parents[2] / "examples"
PAGE = Path(__file__).parents[2] / "docs" / "templates.md"
REQUESTED = {
    "generic", "aave", "aave-temp-check", "aave-arfc", "aave-aip", "uniswap", "uniswap-rfc",
    "uniswap-temperature-check", "arbitrum", "arbitrum-constitutional",
    "arbitrum-non-constitutional", "ens", "optimism", "gitcoin", "compound", "near-hsp", "eip",
    "eip-style", "cardano-cip108", "snapshot-plain",
}  # fmt: skip

OWN_TEMPLATE = """\
extends: generic
name: marigold
version: "1.0"
dao: Marigold DAO
title_pattern: "MIP: {title}"
about: {en: A Marigold proposal., zh: Marigold提案。}
source: [our forum's rules of 2026]
sections:
  - key: summary
  - key: motivation
  - key: evidence
  - key: specification
  - key: treasury
    heading: {en: Treasury effect, zh: 对金库的影响}
    required: true
    writer: model
    guidance: {en: Say what leaves the treasury and when., zh: 说明金库的支出及时间。}
  - key: risks
  - key: timeline
  - key: voting
  - key: declarations
  - key: references
"""


def brief(**changes: object) -> Brief:
    data = {"topic": "A topic", "ask": "An ask", "type": "funding", "dao": "Marigold DAO"}
    return Brief.model_validate(data | changes)


def written(folder: Path, text: str, name: str = "own.yaml") -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


# --- the built-in templates ---


def test_every_requested_template_is_built_in() -> None:
    assert set(template_names()) >= REQUESTED


@pytest.mark.parametrize("name", template_names())
def test_a_built_in_template_has_nothing_to_lint(name: str) -> None:
    assert lint_template(TEMPLATE_FOLDER / f"{name}.yaml") == []


@pytest.mark.parametrize("name", template_names())
def test_a_built_in_template_speaks_both_languages_and_names_its_sources(name: str) -> None:
    template = builtin_template(name)
    assert template.languages == ("en", "zh")
    assert all(len(source) > 8 for source in template.source)
    assert all(fact.source for fact in template.process)
    assert all(limit.source for limit in template.limits)
    chinese = [section.heading.zh for section in template.sections]
    assert all(re.search("[\u4e00-\u9fff]", heading) for heading in chinese)


@pytest.mark.parametrize("name", template_names())
@pytest.mark.parametrize("type_", ["funding", "grants", "parameter-change", "signal"])
def test_a_draft_has_what_its_type_requires_and_what_only_the_server_can_write(name: str, type_: str) -> None:
    template = builtin_template(name)
    sections = template.sections_for(brief(type=type_))
    keys = [section.key for section in sections]
    assert {section.key for section in template.required_sections(type_)} <= set(keys)
    contents = [content for section in sections for content in section.contents()]
    assert {"references", "disclosure", "conflicts"} <= set(contents)
    assert any(section.writer == "model" for section in sections)
    assert keys == [section.key for section in template.sections if section.key in keys]


@pytest.mark.parametrize("name", template_names())
def test_guidance_is_short_enough_for_a_small_model(name: str) -> None:
    for section in builtin_template(name).sections:
        if section.guidance is not None:
            assert len(section.guidance.en) <= 280, section.key
            assert len(section.guidance.zh) <= 110, section.key


def test_generic_is_nine_sections_of_which_the_model_writes_five() -> None:
    sections = load_template("generic").sections_for(brief())
    assert [section.writer for section in sections].count("model") == 5
    assert len(sections) == 9


def test_a_consensus_building_template_drafts_an_impact_assessment() -> None:
    styles = {name: builtin_template(name).style for name in template_names()}
    consensus = [name for name, style in styles.items() if style.tone == "consensus-building"]
    assert {"generic-consensus", "uniswap", "optimism", "near-hsp"} <= set(consensus)
    for name in consensus:
        keys = [section.key for section in builtin_template(name).sections_for(brief())]
        assert "impact" in keys
    assert "impact" in {s.key for s in load_template("generic-consensus").required_sections()}


def test_the_eip_template_has_no_section_that_its_linter_refuses() -> None:
    allowed = {
        "Abstract", "Motivation", "Specification", "Rationale", "Backwards Compatibility",
        "Test Cases", "Reference Implementation", "Security Considerations", "Copyright",
    }  # fmt: skip
    sections = load_template("eip").sections_for(brief(type="technical"))
    assert {section.heading.en for section in sections} <= allowed


def test_a_path_in_place_of_a_built_in_name_opens_no_file(tmp_path: Path) -> None:
    path = written(tmp_path, OWN_TEMPLATE)
    for name in (str(path), "../templates/generic", "_venues", "generic.yaml"):
        with pytest.raises(NotFoundError, match="there is no template"):
            builtin_template(name)


def test_an_unknown_name_is_answered_with_the_nearest() -> None:
    with pytest.raises(NotFoundError) as caught:
        load_template("uniswp")
    assert "did you mean 'uniswap'?" in str(caught.value)


@pytest.mark.parametrize(
    ("dao", "name"),
    [("Aave", "aave"), ("aave dao", "aave"), ("Rocket Pool", "rocketpool"), ("Nobody", "generic")],
)
def test_a_dao_finds_the_template_that_takes_all_its_proposals(dao: str, name: str) -> None:
    assert template_for_dao(dao) == name


# --- limits ---


@pytest.mark.parametrize(
    ("venue", "field", "low", "high"),
    [
        ("snapshot", "title", 1, 256),
        ("snapshot", "body", None, 10_000),
        ("snapshot-turbo", "body", None, 40_000),
        ("snapshot", "choices", 1, 20),
        ("snapshot", "choice", 1, 32),
        ("snapshot", "url", None, 256),
        ("snapshot", "envelope", None, 100_000),
        ("anticapture", "title", None, 300),
        ("anticapture", "body", None, 100_000),
        ("anticapture", "actions", None, 50),
        ("agora", "title", 1, 255),
        ("eip", "title", 2, 44),
        ("hsp", "description", 2, 140),
        ("cardano", "title", None, 80),
        ("cardano", "abstract", None, 2_500),
        ("governor-bravo", "actions", 1, 10),
        ("neargov", "body", None, 32_000),
    ],
)
def test_a_venue_has_its_known_limit(venue: str, field: str, low: int | None, high: int | None) -> None:
    (limit,) = [limit for limit in venue_limits(venue) if limit.field == field]
    assert (limit.min, limit.max) == (low, high)


def test_a_limit_that_the_venue_can_change_says_so() -> None:
    live = {(limit.venue, limit.field) for v in venue_names() for limit in venue_limits(v)
            if limit.fetch_live}  # fmt: skip
    assert ("snapshot", "body") in live
    assert ("cardano", "title") not in live


def test_a_template_has_the_limits_of_its_venues() -> None:
    limits = load_template("near-hsp").limits_of("hsp")
    assert {limit.field: limit.max for limit in limits} == {"title": 44, "description": 140}


# --- titles and numbers ---


@pytest.mark.parametrize(
    ("name", "title"),
    [
        ("aave-arfc", "[ARFC] A title"),
        ("aave-temp-check", "[TEMP CHECK] A title"),
        ("uniswap-rfc", "RFC - A title"),
        ("uniswap-temperature-check", "Temperature Check - A title"),
        ("arbitrum-constitutional", "[Constitutional] AIP: A title"),
        ("gitcoin", "[Proposal] - A title"),
        ("ens", "[Executable] A title"),
        ("generic", "A title"),
    ],
)
def test_a_title_is_put_into_the_pattern_and_then_left_alone(name: str, title: str) -> None:
    template = load_template(name)
    assert template.title("A title") == title
    assert template.title(title) == title
    assert template.title_problem(title) == ""


def test_a_title_outside_the_pattern_is_told_the_pattern() -> None:
    problem = load_template("aave-arfc").title_problem("A title")
    assert problem == "the title does not follow '[ARFC] {title}'"


def test_a_proposal_is_numbered_by_year_month_and_sequence() -> None:
    template = load_template("generic-consensus")
    assert template.numbering is not None
    number = template.numbering.number(dt.date(2025, 4, 9), 1)
    assert number == "#2025-04-01"
    assert template.title("A title", number=number) == "#2025-04-01 A title"
    assert template.title("A title") == "A title"


def test_a_title_of_a_million_characters_is_judged_at_once() -> None:
    assert load_template("ens").title_problem("[" * 1_000_000) != ""


# --- headings ---


@pytest.mark.parametrize(
    ("heading", "keys"),
    [
        ("Motivation", ["motivation"]),
        ("2. Motivation:", ["motivation"]),
        ("**TL;DR**", ["summary"]),
        ("Abstract & Motivation", ["summary", "motivation"]),
        ("Simple Summary, Abstract & Motivation", ["summary", "motivation"]),
        ("Summary/Abstract", ["summary"]),
        ("Specification and Proposal Request", ["specification"]),
        ('Specification <a href="#spec" id="spec"></a>', ["specification"]),
        ("Motivation: why is this needed?", ["motivation"]),
        ("Abstract (short)", ["summary"]),
        ("一、摘要", ["summary"]),
        ("背景与风险", ["motivation", "risks"]),
        ("Candidates", []),
        ("", []),
    ],
)
def test_a_heading_leads_to_the_sections_it_stands_for(heading: str, keys: list[str]) -> None:
    specs = load_template("generic").specs_for_heading(heading)
    assert [section.key for section in specs] == keys


def test_a_hostile_heading_is_read_at_once() -> None:
    generic = load_template("generic")
    for heading in (
        "<" * 500_000,
        "[a](" * 100_000,
        "(" * 500_000,
        "1." * 300_000,
        " and" * 99_999,
    ):
        assert len(generic.specs_for_heading(heading)) <= 1


# --- types, severities, languages ---


def test_a_type_makes_sections_required() -> None:
    arbitrum = load_template("arbitrum")
    assert "cost" in {section.key for section in arbitrum.required_sections("funding")}
    assert "cost" not in {section.key for section in arbitrum.required_sections("signal")}
    cost = {s.key: s.required for s in arbitrum.sections_for(brief(type="funding"))}["cost"]
    assert cost is True


def test_a_rule_speaks_softer_of_other_peoples_texts_where_the_template_says_so() -> None:
    generic, aave = load_template("generic"), load_template("aave")
    assert generic.severity("ST-req-section", "error", published=True) == "warning"
    assert generic.severity("ST-req-section", "error", published=False) == "error"
    assert aave.severity("ST-req-section", "error", published=True) == "error"
    assert aave.severity("ST-other", "info", published=True) == "info"


def test_expected_sections_are_not_the_required_ones() -> None:
    ens = load_template("ens")
    required = {section.key for section in ens.required_sections()}
    expected = {section.key for section in ens.expected_sections()}
    assert required == {"summary"}
    assert expected >= {"motivation", "specification"}
    assert not required & expected


def test_a_length_band_is_counted_in_characters_in_chinese() -> None:
    section = load_template("generic").sections[0]
    assert section.band("en") == (40, 110)
    assert section.band("zh") == (53, 146)


def test_a_clause_names_the_dao_of_the_brief() -> None:
    text = load_template("generic").clause("disclaimer", "zh", dao="潮池借贷")
    assert "潮池借贷" in text
    assert "{" not in text


# --- a DAO's own file ---


def test_a_dao_adds_its_own_template_by_one_file(tmp_path: Path) -> None:
    template = load_template(str(written(tmp_path, OWN_TEMPLATE)))
    keys = [section.key for section in template.sections_for(brief())]
    assert keys.index("treasury") == keys.index("specification") + 1
    assert template.title("A title") == "MIP: A title"
    assert template.review.approvals == 2
    assert template.clauses == load_template("generic").clauses


def test_a_json_file_does_as_well_as_yaml(tmp_path: Path) -> None:
    data = {"extends": "aave", "name": "mine", "version": "2.0", "dao": "Mine"}
    template = load_template(str(written(tmp_path, json.dumps(data), "own.json")))
    assert [section.key for section in template.sections][-1] == "copyright"


def test_a_template_in_one_language_needs_no_other(tmp_path: Path) -> None:
    text = OWN_TEMPLATE.replace("languages", "_").replace(
        'title_pattern: "MIP: {title}"', 'title_pattern: "{title}"\nlanguages: [en]'
    )
    path = written(tmp_path, text.replace(", zh: 对金库的影响", "").replace(
        ", zh: 说明金库的支出及时间。", ""))  # fmt: skip
    assert lint_template(path) == []
    with pytest.raises(InputError, match="has no 'zh' texts"):
        load_template(str(path)).sections_for(brief(language="zh"))


def test_process_facts_are_added_to_those_of_the_parent(tmp_path: Path) -> None:
    fact = ("process:\n  - key: ours\n    kind: statement\n    text: {en: Ours., zh: 我们的。}\n"
            "    source: our rules\n")  # fmt: skip
    text = f'extends: gitcoin\nname: mine\nversion: "1.0"\ndao: Mine\n{fact}'
    keys = [entry.key for entry in load_template(str(written(tmp_path, text))).process]
    assert keys == ["discussion", "comments", "ours"]


def test_the_hash_changes_with_any_word_and_with_nothing_else(tmp_path: Path) -> None:
    first = load_template(str(written(tmp_path, OWN_TEMPLATE)))
    commented = load_template(str(written(tmp_path, "# a comment\n" + OWN_TEMPLATE)))
    changed = load_template(str(written(tmp_path, OWN_TEMPLATE.replace("and when", "and why"))))
    assert first.hash == commented.hash
    assert first.hash != changed.hash
    assert re.fullmatch("[0-9a-f]{64}", first.hash)


def test_a_broken_file_is_refused_with_its_place(tmp_path: Path) -> None:
    path = written(tmp_path, OWN_TEMPLATE.replace("required: true", "required: perhaps"))
    with pytest.raises(ConfigError, match=r"sections\.4\.required"):
        load_template(str(path))


# --- the linter ---

# Each fault: what is replaced by what, where it is reported, what is said, what is to be done.
FAULTS = {
    "unknown key": ("version:", "versoin:", "versoin", "unknown key", "did you mean 'version'?"),
    "unknown section key": (
        "    writer: model",
        "    writr: model",
        "sections.4.writr",
        "unknown key",
        "did you mean 'writer'?",
    ),
    "unknown writer": (
        "writer: model",
        "writer: modell",
        "sections.4.writer",
        "'modell'",
        "did you mean 'model'?",
    ),
    "key without a value": (
        "required: true",
        "required:",
        "sections.4.required",
        "does not fit",
        "docs/templates.md",
    ),
    "missing key": (
        "    required: true\n",
        "",
        "sections.4.required",
        "'required' is missing",
        "add required:",
    ),
    "missing guidance": (
        "    guidance: {en: Say what leaves the treasury and when., zh: 说明金库的支出及时间。}\n",
        "",
        "sections.4",
        "'guidance' is missing",
        "",
    ),
    "content of a model section": (
        "writer: model",
        "writer: model\n    content: parameters",
        "sections.4",
        "append: [parameters]",
        "",
    ),
    "server without content": (
        "writer: model",
        "writer: server",
        "sections.4",
        "'content' is missing",
        "",
    ),
    "unknown content": (
        "writer: model",
        "writer: model\n    append: [paramters]",
        "sections.4.append",
        "did you mean 'parameters'?",
        "",
    ),
    "content held twice": (
        "writer: model",
        "writer: model\n    append: [options]",
        "sections",
        "'options' is held by 2 sections",
        "keep it in one",
    ),
    "no references": (
        "  - key: references\n",
        "",
        "sections",
        "no section holds 'references'",
        "content: references",
    ),
    "unknown clause": (
        "writer: model",
        "writer: model\n    append: [clause:disclaimr]",
        "sections.4",
        "there is no clause 'disclaimr'",
        "did you mean 'disclaimer'?",
    ),
    "section twice": (
        "  - key: voting\n",
        "  - key: voting\n  - key: voting\n",
        "sections.8",
        "'voting' stands twice",
        "rename or delete",
    ),
    "heading twice": (
        "Treasury effect",
        "Background",
        "sections.4",
        "'Background' already names the section 'motivation'",
        "leave it with one",
    ),
    "unknown venue": (
        "sections:\n",
        "venues: [snapshop]\nsections:\n",
        "venues.0",
        "unknown venue 'snapshop'",
        "did you mean 'snapshot'?",
    ),
    "unknown type": (
        "sections:\n",
        "types: {fundng: {}}\nsections:\n",
        "types.fundng",
        "is not allowed here",
        "did you mean 'funding'?",
    ),
    "type names no section": (
        "sections:\n",
        "types: {signal: {sections: [treasry]}}\nsections:\n",
        "types.signal.sections",
        "there is no section 'treasry'",
        "did you mean 'treasury'?",
    ),
    "unknown requirement": (
        "sections:\n",
        "types: {signal: {expect: [kpis]}}\nsections:\n",
        "types.signal.expect.0",
        "'kpis'",
        "did you mean 'kpi'?",
    ),
    "required and expected": (
        "sections:\n",
        "types: {signal: {require: [kpi], expect: [kpi]}}\nsections:\n",
        "types.signal",
        "both 'require' and 'expect'",
        "",
    ),
    "pattern without title": (
        "MIP: {title}",
        "MIP: {titel}",
        "title_pattern",
        "'{titel}' is not a placeholder",
        "did you mean '{title}'?",
    ),
    "number without numbering": (
        "MIP: {title}",
        "{number}: {title}",
        "title_pattern",
        "there is no numbering",
        "give numbering",
    ),
    "title twice": ("MIP: {title}", "{title}: {title}", "title_pattern", "2 times, not 1", ""),
    "number in the unnumbered title": (
        "sections:\n",
        "numbering:\n  {pattern: '{seq}', unnumbered: '{number} {title}', assigned_by: editor}\nsections:\n",
        "numbering.unnumbered",
        "no numbering to take it from",
        "unnumbered",
    ),
    "version in words": (
        'version: "1.0"',
        "version: first",
        "version",
        'write one such as "1.0"',
        "",
    ),
    "unknown severity": (
        "sections:\n",
        "severities: {ST-links: eror}\nsections:\n",
        "severities.ST-links",
        "'eror'",
        "did you mean 'error'?",
    ),
    "malformed rule": (
        "sections:\n",
        "severities: {links: error}\nsections:\n",
        "severities",
        "is not a rule id",
        "",
    ),
    "unknown rule": (
        "sections:\n",
        "severities: {ST-lnks: error}\nsections:\n",
        "severities.ST-lnks",
        "there is no rule",
        "did you mean 'ST-links'?",
    ),
    "consensus without impact": (
        "sections:\n",
        "style: {tone: consensus-building, impact_assessment: true}\nsections:\n",
        "style.impact_assessment",
        "no section 'impact'",
        "key: impact",
    ),
    "consensus without the switch": (
        "sections:\n",
        "style: {tone: consensus-building}\nsections:\n",
        "style",
        "'impact_assessment' must be true",
        "",
    ),
    "quorum beyond the seats": (
        "sections:\n",
        "review: {approvals: 5, seats: 3}\nsections:\n",
        "review",
        "can never be reached",
        "",
    ),
    "placeholder in a clause": (
        "sections:\n",
        "clauses: {extra: {text: {en: TODO write, zh: 待写}}}\nsections:\n",
        "clauses.extra.text",
        "'TODO'",
        "",
    ),
    "HTML in a clause": (
        "sections:\n",
        "clauses: {extra: {text: {en: <b>x</b>, zh: 粗}}}\nsections:\n",
        "clauses.extra.text",
        "placeholder or HTML",
        "",
    ),
    "unknown clause placeholder": (
        "sections:\n",
        "clauses: {extra: {text: {en: 'For {doa}', zh: 致}}}\nsections:\n",
        "clauses.extra.text",
        "'{doa}'",
        "",
    ),
    "missing language": (
        ", zh: 对金库的影响",
        "",
        "sections.4.heading",
        "the 'zh' text is missing",
        "take 'zh' out of languages",
    ),
    "unknown language": (
        "sections:\n",
        "languages: [en, zn]\nsections:\n",
        "languages.1",
        "'zn'",
        "one of: en, zh",
    ),
    "one option": (
        "sections:\n",
        "voting: {default: {en: [For]}}\nsections:\n",
        "voting",
        "a vote needs two",
        "",
    ),
    "option that must be there": (
        "sections:\n",
        "voting: {must_include: {en: [No change]}}\nsections:\n",
        "voting",
        "lacks 'No change'",
        "",
    ),
    "limit without a number": (
        "sections:\n",
        "limits: [{venue: x, field: title, source: here}]\nsections:\n",
        "limits.0",
        "states 'min' or 'max'",
        "",
    ),
    "limit without a source": (
        "sections:\n",
        "limits: [{venue: x, field: title, max: 9}]\nsections:\n",
        "limits.0.source",
        "'source' is missing",
        "add source:",
    ),
    "fact without a number": (
        "sections:\n",
        "process: [{key: k, kind: quorum, text: {en: a, zh: b}, source: here}]\nsections:\n",
        "process.0",
        "'amount' is missing",
        "",
    ),
    "fact without a unit": (
        "sections:\n",
        "process: [{key: k, kind: quorum, amount: 3, text: {en: a, zh: b}, source: here}]\nsections:\n",
        "process.0",
        "'unit' is missing",
        "",
    ),
    "front matter enum": (
        "sections:\n",
        "front_matter: {fields: [{key: k, required: true, kind: enum}]}\nsections:\n",
        "front_matter.fields.0",
        "'values' is missing",
        "",
    ),
    "band upside down": (
        "writer: model",
        "writer: model\n    min_words: 200",
        "sections.4",
        "is above 'max_words'",
        "",
    ),
    "band beyond the venue": (
        "writer: model",
        "writer: model\n    max_words: 5000",
        "sections",
        "snapshot takes 10,000",
        "lower max_words",
    ),
    "required, never drafted": (
        "writer: model",
        "writer: model\n    drafted: false",
        "sections.4",
        "our drafts would lack it",
        "",
    ),
    "unknown parent": (
        "extends: generic",
        "extends: genric",
        "extends",
        "there is no built-in template 'genric'",
        "did you mean 'generic'?",
    ),
    "name of a built-in": (
        "name: marigold",
        "name: aave",
        "name",
        "name of a built-in template",
        "choose another name",
    ),
    "name with a space": ("name: marigold", "name: mari gold", "name", "is not a name", ""),
    "key twice": (
        "dao: Marigold DAO",
        "dao: Marigold DAO\ndao: Other",
        "own.yaml:5",
        "the key 'dao' stands twice",
        "",
    ),
    "not YAML": ("sections:", "sections: [", "own.yaml", "not valid YAML", ""),
    "a list in place of a mapping": (
        OWN_TEMPLATE,
        "- a\n- b\n",
        "own.yaml",
        "found list",
        "docs/templates.md",
    ),
    "an empty file": (OWN_TEMPLATE, "  \n", "own.yaml", "the file is empty", ""),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_the_linter_names_place_fault_and_remedy(tmp_path: Path, fault: str) -> None:
    old, new, where, message, fix = FAULTS[fault]
    assert OWN_TEMPLATE.count(old) >= 1
    path = written(tmp_path, OWN_TEMPLATE.replace(old, new, 1))
    problems = lint_template(path, rule_ids={"ST-links", "ST-req-section", "ST-title-prefix"})
    told = [p for p in problems if where in p.where and message in p.message and fix in p.fix]
    assert told, problems
    assert str(path) in told[0].where
    assert all(problem.fix for problem in problems)


def test_the_linter_finds_nothing_in_a_good_file(tmp_path: Path) -> None:
    assert lint_template(written(tmp_path, OWN_TEMPLATE)) == []


def test_the_linter_tells_the_line(tmp_path: Path) -> None:
    path = written(tmp_path, OWN_TEMPLATE.replace("writer: model", "writr: model"))
    lines = OWN_TEMPLATE.splitlines()
    line = next(i for i, text in enumerate(lines, 1) if "writer: model" in text)
    assert any(problem.where.startswith(f"{path}:{line}:") for problem in lint_template(path))


def test_the_linter_lists_all_faults_at_once(tmp_path: Path) -> None:
    text = OWN_TEMPLATE.replace("dao: Marigold DAO", "doa: Marigold DAO").replace("writer: model", "writer: modell")
    places = {problem.where.split(": ")[-1] for problem in lint_template(written(tmp_path, text))}
    assert places >= {"doa", "sections.4.writer"}


@pytest.mark.parametrize(
    "text",
    [
        "a: &a [*a]\n",
        "sections: &s [{key: [x]}, *s]\n",
        "extends: [generic]\n",
        "extends: generic\nlimits: [{venue: {}}]\n",
        "extends: generic\nsections: 5\n",
        "1: 2\n",
    ],
)
def test_a_hostile_file_is_reported_and_never_raises(tmp_path: Path, text: str) -> None:
    assert lint_template(written(tmp_path, text))


def test_a_missing_file_is_a_problem_of_the_linter_and_an_error_of_the_loader(
    tmp_path: Path,
) -> None:
    path = tmp_path / "absent.yaml"
    assert "no such file" in lint_template(path)[0].message
    with pytest.raises(AgentError, match="no such file"):
        load_template(str(path))


# --- the samples ---


@pytest.mark.parametrize("name", ["creator-rebate", "grants-round", "risk-parameters"])
def test_a_sample_can_be_drafted(name: str) -> None:
    sample = load_brief(EXAMPLES / name / "brief.yaml")
    evidence = load_evidence(EXAMPLES / name / "evidence.yaml")
    assert load_template(sample.template).sections_for(sample)
    assert {"transaction", "metric", "forum_post", "vote"} <= {e.kind for e in evidence.values()}
    figures = [
        *sample.parameters.values(),
        *(v for e in evidence.values() for v in e.values.values()),
    ]
    assert all(value.label and value.label_zh for value in figures)
    assert all(".example.org" in item.url for item in evidence.values() if item.url)


def test_the_samples_cover_three_templates_and_both_languages() -> None:
    samples = [load_brief(path) for path in sorted(EXAMPLES.glob("*/brief.yaml"))]
    assert {sample.template for sample in samples} == {"generic", "uniswap", "aave"}
    assert {sample.language for sample in samples} == {"en", "zh"}


@pytest.mark.parametrize("name", ["creator-rebate", "grants-round"])
def test_the_budget_lines_of_a_sample_sum_to_its_total(name: str) -> None:
    parameters = load_brief(EXAMPLES / name / "brief.yaml").parameters
    lines = [v.value for key, v in parameters.items()
             if key.startswith("budget_") and key != "budget_total"]  # fmt: skip
    assert sum(lines) == parameters["budget_total"].value


# --- the page ---


def test_the_page_names_every_template_and_every_key() -> None:
    page = PAGE.read_text(encoding="utf-8")
    assert not [name for name in template_names() if f"`{name}`" not in page]
    assert not [key for key in Template.model_fields if f"`{key}`" not in page]
    assert not [key for key in SectionSpec.model_fields if f"`{key}`" not in page]


def test_the_templates_of_the_page_have_nothing_to_lint(tmp_path: Path) -> None:
    blocks = re.findall(r"^```yaml\n(.*?)^```", PAGE.read_text(encoding="utf-8"), re.M | re.S)
    assert len(blocks) >= 2
    for block in blocks:
        assert lint_template(written(tmp_path, block)) == []


# --- real proposals ---

_HEADING = re.compile(r"^#{1,6}[ \t]{1,8}(\S[^\n]{0,200})$|^\*\*([^*\n]{2,80})\*\*:?[ \t]*$", re.MULTILINE)


def _lacks_a_required_section(template: Template, body: str) -> bool:
    text = re.sub(r"^```.*?^```", "", body, flags=re.MULTILINE | re.DOTALL)
    headings = [match[1] or match[2] for match in _HEADING.finditer(text)]
    headings += re.findall(r"^([^\n|>#-][^\n]{1,80})\n(?:=+|-{2,})[ \t]*$", text, re.MULTILINE)
    found = {spec.key for heading in headings for spec in template.specs_for_heading(heading)}
    return any(section.key not in found for section in template.required_sections())


@pytest.mark.parametrize(
    ("file", "most"),
    [
        ("aave_aips", 0.02), ("ens_proposals", 0.02), ("yearn_yips", 0.03),
        ("livepeer_lips", 0.0), ("rocketpool_rpips", 0.02), ("helium_hips", 0.02),
        ("mstable_mips", 0.04), ("synthetix_sips_sccps", 0.03), ("cosmos_hub", 0.0),
    ],
)  # fmt: skip
def test_passed_proposals_have_the_sections_their_template_requires(shared_data: Path, file: str, most: float) -> None:
    lines = (shared_data / "proposals" / f"{file}.jsonl").read_text(encoding="utf-8").splitlines()
    rows = [json.loads(line) for line in lines]
    passed = [row for row in rows if row["outcome"] == "passed" or file == "aave_aips"]
    template = builtin_template(template_for_dao(passed[0]["dao"]))
    lacking = [row["id"] for row in passed if _lacks_a_required_section(template, row["body"])]
    assert len(lacking) / len(passed) <= most, lacking
    assert not [row["title"] for row in passed if template.title_problem(row["title"])]


def test_headings_are_equal_only_when_their_letters_are() -> None:
    assert normal_heading("1) Risks & Alternatives!") == normal_heading("risks alternatives")
    assert normal_heading("Risks") != normal_heading("Risk")
    assert normal_heading("2024") == "2024"
