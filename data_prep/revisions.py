"""Versions of one proposal in the data, found by title, links and likeness of text, and the pairs they make.

A forum version and the final text, or a rejected proposal and its passed resubmission, answer the same brief: their
difference is what was worked on. The later one is preferred only where something says so (it passed, or it is the later
stage). Likeness is the share of four-word shingles in common; nearly equal texts teach nothing and very different ones
are another proposal.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

from data_prep.inversion import MIN_WORDS, invert, slot_known
from data_prep.proposals import Proposal
from data_prep.prose import prose_of
from data_prep.published import published_turns
from data_prep.records import Case, DpoRow, Drop, RmRow
from data_prep.rows import MAX_CHARACTERS, answered, clean, fault, outside_grammar, prompts
from proposal.document import parse
from proposal.hashing import sha256_text
from proposal.template import Template

MAX_DAYS = 120
LEAST, MOST = 0.25, 0.95
"""Likeness of two versions of one proposal: less is another proposal, more is a copy."""
MARGIN = 0.5
"""Margin of a revision for a reward model: half of what the strongest vote gives."""

_EARLY = ("temp check", "temperature check", "rfc", "request for comment", "consensus check", "arfc")
STAGES = (*_EARLY, "snapshot", "final", "aip", "on-chain", "onchain")
"""Words by which titles name a stage, the early ones first."""
_WORD = re.compile(r"[^\W_]+")
_GRAM = 4


@dataclass(frozen=True, slots=True)
class Revision:
    """Two versions of one proposal and why the later one is preferred."""

    earlier: Proposal
    later: Proposal
    why: str


def revisions(proposals: Sequence[Proposal]) -> Iterator[Revision | Drop]:
    """Find versions of one proposal within each DAO; a pair without a reason to prefer either is a drop."""
    groups: dict[tuple[str, str], list[Proposal]] = defaultdict(list)
    for proposal in proposals:
        groups[proposal.dao, topic(proposal.title)].append(proposal)
    for (_, about), members in sorted(groups.items()):
        ordered = sorted(members, key=lambda proposal: (proposal.created, proposal.id))
        for earlier, later in pairwise(ordered):
            if about and (later.created - earlier.created).days <= MAX_DAYS:
                yield from _revision(earlier, later)


def _revision(earlier: Proposal, later: Proposal) -> Iterator[Revision | Drop]:
    alike = likeness(shingles(earlier.body), shingles(later.body))
    source = f"{later.id}|{earlier.id}"
    if not LEAST <= alike <= MOST:
        detail = f"likeness {alike:.2f}, expected {LEAST} to {MOST}"
        yield Drop("no-change" if alike > MOST else "other-matter", source, "rm", detail=detail)
        return
    if _stage(earlier.title) in _EARLY and _stage(later.title) not in _EARLY:
        yield Revision(earlier, later, "stage")
    elif earlier.outcome in {"rejected", "withdrawn", "expired"} and later.outcome == "passed":
        yield Revision(earlier, later, "resubmission")
    else:
        outcome = f"'{earlier.outcome}', then '{later.outcome}'"
        yield Drop("no-outcome", source, "rm", detail=f"nothing says that the later one is better: {outcome}")


def revision_rows(proposals: Sequence[Proposal], template: Template) -> Iterator[RmRow | DpoRow | Drop]:
    """Turn versions into pairs of whole texts with a margin, and of sections on the later one's prompt."""
    for item in revisions(proposals):
        if isinstance(item, Drop):
            yield item
            continue
        yield _whole(item)
        yield from _sections(item, template)


def _whole(revision: Revision) -> RmRow | Drop:
    later, earlier = revision.later, revision.earlier
    source = f"{later.id}|{earlier.id}"
    if max(len(later.body), len(earlier.body)) > MAX_CHARACTERS:
        return Drop("too-long", source, "rm", detail=f"more than {MAX_CHARACTERS:,} characters")
    better, worse = (published_turns(later.dao, later.title, item.body) for item in (later, earlier))
    return RmRow(messages=better, rejected_messages=worse, margin=MARGIN,
                 dao_pair=revision.why, dao_source=source, dao_section="", dao_template="")  # fmt: skip


def _sections(revision: Revision, template: Template) -> Iterator[DpoRow | Drop]:
    """Pair the sections of both versions on the prompt of the later one.

    The earlier text takes the slots of equal figures; one that states a figure which the later brief and evidence do
    not have cannot be written on its prompt and is a drop.
    """
    case = invert(revision.later, template).case
    source = f"{revision.later.id}|{revision.earlier.id}"
    before = _earlier_sections(revision.earlier, case, template)
    for prompt in prompts(case, template):
        key, chosen = prompt.spec.key, clean(case.sections.get(prompt.spec.key, ""))
        problem = fault(chosen, prompt)
        rejected = before.get(key, "")
        if problem:
            yield Drop(problem[0], source, "dpo", key, problem[1])
        elif not rejected:
            yield Drop("no-section", source, "dpo", key, "the earlier version has no such section")
        elif rejected == chosen:
            yield Drop("no-change", source, "dpo", key, "the section was not changed")
        elif outside_grammar(rejected):
            yield Drop(
                "not-writable", source, "dpo", key, f"'{outside_grammar(rejected)}' has no slot in the later one"
            )
        else:
            yield DpoRow(messages=answered(prompt, chosen), rejected_response=rejected, dao_pair=revision.why,
                         dao_source=source, dao_section=key, dao_template=template.name)  # fmt: skip


def _earlier_sections(earlier: Proposal, case: Case, template: Template) -> dict[str, str]:
    document = parse(earlier.body)
    found = {}
    for spec in template.sections:
        section = document.find_section(spec.names()) if spec.writer == "model" else None
        prose = prose_of(document, section).text if section else ""
        if len(prose.split()) >= MIN_WORDS:
            found[spec.key] = clean(slot_known(prose, case))
    return found


def topic(title: str) -> str:
    """Reduce a title to what it is about: without its stage, its number and its punctuation.

    >>> topic("[ARFC] Add FXS to Ethereum V3") == topic("[AIP-42] Add FXS to Ethereum V3")
    True
    """
    bare = re.sub(r"\[[^\[\]]{0,40}\]|\([^()]{0,40}\)", " ", title.lower())
    for stage in STAGES:
        bare = re.sub(rf"\b{re.escape(stage)}\b", " ", bare)
    words = _WORD.findall(bare)
    return " ".join(words) if len(words) >= 2 else ""


def _stage(title: str) -> str:
    lowered = title.lower()
    return next((stage for stage in STAGES if re.search(rf"\b{re.escape(stage)}\b", lowered)), "")


def shingles(text: str) -> frozenset[int]:
    """Return the hashed four-word shingles of a text; the same in every process."""
    words = _WORD.findall(text.lower())
    return frozenset(
        int(sha256_text(" ".join(words[at : at + _GRAM]))[:12], 16) for at in range(max(1, len(words) - _GRAM + 1))
    )


def likeness(one: frozenset[int], other: frozenset[int]) -> float:
    """Return the Jaccard likeness of two sets of shingles.

    >>> likeness(frozenset({1, 2}), frozenset({2, 3}))
    0.3333333333333333
    """
    return len(one & other) / len(one | other) if one | other else 0.0
