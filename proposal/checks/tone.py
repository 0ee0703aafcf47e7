"""Neutrality: wording that judges, promises or presses, options that are not even, risks that are argued away.

A lexicon of words alone is wrong about governance ("quorum minimum", "critical vulnerability", 最终, 最低), so phrases
carry their exceptions. Words inside a quotation belong to somebody else: they are noted, never blocked.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace

from proposal.checks.framework import CheckContext, Hit, Rule
from proposal.checks.lexicons import find, hits
from proposal.checks.phrases import Spans, fold
from proposal.checks.venue import option_label, title_place
from proposal.document import Option
from proposal.findings import Severity

MAX_OPTION_RATIO = 4
"""An option may be this many times as long as the shortest one before the ballot reads as uneven."""


def _wording(context: CheckContext, rule: str) -> Iterator[Hit]:
    """Yield the hits of one rule outside code, link targets and the title (which has its own rule)."""
    quoted = Spans((quote.start, quote.end) for quote in context.document.quotes)
    title_start, title_end = title_place(context)
    for group, hit in hits(context, rule):
        if context.not_prose.covers(hit.start) or title_start <= hit.start < title_end:
            continue
        severity: Severity | None = "info" if quoted.covers(hit.start) else group.severity
        words = " ".join(context.text[hit.start : hit.end].split())
        yield Hit(hit.start, hit.end, f"{group.says}: “{words}”", severity)


_MECHANISM = re.compile(
    r"front-?run|arbitrag|attack|exploit|manipulat|sandwich|adversar|malicious|extract|at the expense|toxic|"
    r"(?<![a-z])(?:mev|jit|bots?|prevent|avoid|traders? (?:who|that|could|can|had))(?![a-z])"
    r"|抢跑|套利|攻击|利用漏洞|操纵"
)


def certainty(context: CheckContext) -> Iterator[Hit]:
    """Report promises of gain and claims of certainty.

    "Risk-free profits" of a front-runner describe a flaw: a paragraph on attacks promises nothing to the reader.
    """
    for hit in _wording(context, "NE-certainty"):
        low, high = context.paragraph_at(hit.start)
        low, high = max(low, hit.start - 400), min(high, hit.end + 200)
        yield replace(hit, severity="info") if _MECHANISM.search(context.folded, low, high) else hit


def loaded(context: CheckContext) -> Iterator[Hit]:
    """Report wording that judges, and typography that shouts."""
    yield from _wording(context, "NE-loaded")
    yield from _typography(context)


def pressure(context: CheckContext) -> Iterator[Hit]:
    """Report urgency, threats and attacks on people."""
    yield from _wording(context, "NE-pressure")


_SHOUT = re.compile(r"[!！]{2,10}")
_EMOJI = re.compile(r"[\U0001f300-\U0001faff\u2600-\u2604\u2614\u26a1\u2705\u274c\u2728\u2764\u2b50]\ufe0f?")
_CAPITALS = re.compile(r"[A-Z](?<![A-Za-z0-9$_./-].)[A-Z]{3,19}(?:[ ]+[A-Z]{2,20}){2,12}(?![A-Za-z0-9_/-])")


def _typography(context: CheckContext) -> Iterator[Hit]:
    for match in _SHOUT.finditer(context.text) if context.mentions("!!") else ():
        if not context.not_prose.covers(match.start()) and context.text[match.end() : match.end() + 1] != "[":
            yield Hit(match.start(), match.end(), "exclamation marks press a judgement on the reader")
    for match in _EMOJI.finditer(context.text):
        if not context.not_prose.covers(match.start()):
            yield Hit(match.start(), match.end(), "an emoji states a feeling, not a fact", "info")
    for match in _CAPITALS.finditer(context.text):
        if not context.not_prose.covers(match.start()) and context.block_at(match.start()) in {
            "paragraph",
            "list_item",
        }:
            yield Hit(match.start(), match.end(), "a run of capitals shouts", "info")


# --- title -------------------------------------------------------------------------------------------------------


def title_verdict(context: CheckContext) -> Iterator[Hit]:
    """Report a title that says how to vote or what to think."""
    title = context.document.title
    if not title:
        return
    start, end = title_place(context)
    offset = max(context.text.find(title, start, max(end, start + 1)), start)
    folded = fold(title)
    seen: set[tuple[int, int]] = set()
    for rule in ("NE-title", "NE-certainty", "NE-pressure", "NE-loaded"):
        for group, hit in find(folded, rule):
            if group.severity == "info" or (hit.start, hit.end) in seen:
                continue
            seen.add((hit.start, hit.end))
            message = f"the title has {group.says}: “{title[hit.start : hit.end]}”"
            yield Hit(offset + hit.start, offset + hit.end, message, group.severity)
    if title.rstrip().endswith(("!", "！")):
        yield Hit(start, end, "the title ends in an exclamation mark", "warning")


# --- options -----------------------------------------------------------------------------------------------------

_AGAINST = re.compile(
    r"(?<![a-z])(?:against|no|nay|nae|reject|oppose|disagree|do nothing|none|abstain|no change|status quo|"
    r"keep|neither|no action|veto|don't|do not|current|unchanged|leave|not|make no changes)(?![a-z])"
)
_AGAINST_ZH = re.compile(r"反对|弃权|否决|不同意|不支持|维持|保持|不变|不采取|无操作|以上皆非|不通过|暂不")
_FOR = re.compile(
    r"(?<![a-z])(?:for|yes|yae|yea|aye|approve|accept|support|in favou?r|agree)(?![a-z])|赞成|同意|支持|通过"
)


def options_even(context: CheckContext) -> Iterator[Hit]:
    """Report a ballot without a way to say no, and options that are worded unevenly."""
    options = context.document.options
    if len(options) < 2:
        if options:
            yield Hit(options[0].start, options[0].end, "a ballot with one option is no choice")
        return
    place = (options[0].start, options[-1].end)
    texts = [fold(option.text).strip() for option in options]
    if not any(_AGAINST.search(text) or _AGAINST_ZH.search(text) for text in texts):
        severity: Severity | None = None if any(_FOR.search(text) for text in texts) else "warning"
        yield Hit(*place, "no option says no: add “Against”, “No change” or “Abstain”", severity)
    yield from _required_options(context, texts, place)
    yield from _uneven_options(options)


def _required_options(context: CheckContext, texts: list[str], place: tuple[int, int]) -> Iterator[Hit]:
    voting = context.template.voting
    for language in ("en", "zh"):
        wanted = voting.must_include.in_(language)
        here = [wish for wish in wanted if not any(fold(wish) in text for text in texts)]
        if wanted and language == context.language:
            for wish in here:
                yield Hit(*place, f"the DAO asks for the option “{wish}”")
    allowed = {fold(option) for language in ("en", "zh") for option in voting.default.in_(language)}
    exact = context.brief is not None and context.brief.type in voting.exactly_for
    if exact and set(texts) - allowed:
        yield Hit(*place, f"the DAO takes exactly these options: {', '.join(voting.default.in_(context.language))}")


def _uneven_options(options: tuple[Option, ...]) -> Iterator[Hit]:
    lengths = [len(option_label(option)) for option in options]
    shortest = max(min(lengths), 12)
    for option, length in zip(options, lengths, strict=True):
        if length > MAX_OPTION_RATIO * shortest and length > 60:
            message = f"this option has {length} characters, the shortest {min(lengths)}: word them evenly"
            yield Hit(option.start, option.end, message, "warning")
        folded = fold(option.text)
        for rule in ("NE-loaded", "NE-certainty", "NE-pressure"):
            for group, hit in find(folded, rule):
                if group.severity != "info":
                    words = option.text[hit.start : hit.end]
                    yield Hit(option.start, option.end, f"the option argues ({group.says}: “{words}”)")


# --- drawbacks ---------------------------------------------------------------------------------------------------

_DENIAL = re.compile(
    r"(?<![a-z])(?:there (?:are|is) (?:no|not any|zero) (?:known |real |significant |major |foreseeable |material )?"
    r"(?:risks?|drawbacks?|downsides?|disadvantages?)|(?:we|i) (?:see|foresee|know of|identify|"
    r"identified|find|found) no (?:risks?|drawbacks?|downsides?|disadvantages?)|no (?:known |major |significant )?"
    r"(?:risks?|drawbacks?|downsides?|disadvantages?)(?: (?:were|are|have been)? ?(?:identified|known|foreseen|"
    r"expected))?[.]|(?:this|the) proposal (?:has|carries|poses|bears) no (?:risks?|drawbacks?|downsides?))"
)  # fmt: skip
_DENIAL_ZH = re.compile(r"(?:没有|不存在|无|并无)(?:任何|明显|已知|重大)?的?(?:风险|缺点|弊端|坏处|不利影响|负面影响)")
_ADVERSE = re.compile(
    r"(?<![a-z])(?:risk|risks|could|may|might|fail|fails|failure|lose|loss|losses|cost|costs|harm|drawback|drawbacks|"
    r"downside|alternative|alternatives|instead|however|although|delay|attack|abuse|concern|concerns|against|"
    r"disadvantage|disadvantages|uncertain|less|reduce|reduces|unless|if|not)(?![a-z])"
)
_ADVERSE_ZH = re.compile(
    r"风险|可能|失败|损失|成本|不利|缺点|弊端|替代|维持|但|然而|延迟|攻击|滥用|担忧|若|如果|不|减少|下降|影响|否则"
)


def drawbacks(context: CheckContext) -> Iterator[Hit]:
    """Report a missing, empty or denying account of risks and alternatives."""
    section = context.sections_by_key.get("risks")
    if section is None:
        if context.brief is not None and any(
            spec.key == "risks" for spec in context.template.sections_for(context.brief)
        ):
            yield Hit(
                len(context.text), len(context.text), "nothing says what could go wrong or what else could be done"
            )
        return
    body = context.folded[section.body_start : section.end]
    denial = _DENIAL.search(body) or _DENIAL_ZH.search(body)
    rest = body[: denial.start()] + body[denial.end() :] if denial else body
    adverse = _ADVERSE.search(rest) or _ADVERSE_ZH.search(rest)
    if denial and not adverse:
        start = section.body_start + denial.start()
        yield Hit(start, section.body_start + denial.end(), "the section denies every risk instead of naming any")
    elif not denial and not adverse and len(body.strip()) > 0:
        yield Hit(section.start, section.body_start, "the section names no risk, loss or alternative", "warning")


RULES: tuple[Rule, ...] = (
    Rule(
        id="NE-certainty", family="neutrality", severity="error", title="A promise of gain or certainty",
        clause="A proposal promises no gain, price or success: it states what is expected and on what evidence "
               "(weaker claims of certainty warn).",
        fix="State the expected effect with its evidence, or delete the sentence.", check=certainty,
    ),
    Rule(
        id="NE-loaded", family="neutrality", severity="warning", title="Loaded wording",
        clause="A proposal states facts without words that judge them for the reader.",
        fix="Delete the word, or replace it by the figure that made you choose it.", check=loaded,
    ),
    Rule(
        id="NE-pressure", family="neutrality", severity="warning", title="Pressure on voters or an attack on people",
        clause="A proposal neither presses voters by urgency or threat nor attacks people.",
        fix="State the deadline and what happens after it; leave people out.", check=pressure,
    ),
    Rule(
        id="NE-title", family="neutrality", severity="error", title="The title states a verdict",
        clause="A title names the question and leaves the answer to the vote.",
        fix="Name what is decided, without saying how.", check=title_verdict,
    ),
    Rule(
        id="NE-options", family="neutrality", severity="error", title="The ballot is not even",
        clause="A ballot offers a way to say no, has the options its DAO asks for, and words them evenly.",
        fix="Add the missing option; word all options alike and without reasons.", check=options_even,
    ),
    Rule(
        id="NE-drawbacks", family="neutrality", severity="error", title="Risks are missing or denied",
        clause="A proposal names what could go wrong, who could lose, and what else could be done.",
        fix="Name at least one risk and one alternative, including leaving things as they are.", check=drawbacks,
    ),
)  # fmt: skip
