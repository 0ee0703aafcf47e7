"""What became of a proposal: the words of many sources in one vocabulary, and the result of a vote from its scores.

A word that is not known gives `unknown`, never a guess: rows learn from outcomes.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from decimal import Decimal

from data_prep.history import Outcome, Support

_WORDS: Mapping[Outcome, tuple[str, ...]] = {
    "passed": (
        "passed", "approved", "accepted", "final", "living", "implemented", "deployed", "executed", "enacted", "queued",
        "succeeded", "completed", "activated", "active standard", "obsolete",
    ),
    "rejected": ("rejected", "defeated", "failed", "vetoed", "out of budget", "declined", "not passed", "no quorum"),
    "withdrawn": ("withdrawn", "abandoned", "canceled", "cancelled", "deleted"),
    "expired": ("expired", "stagnant", "lapsed"),
    "closed": ("closed",),
    "draft": ("draft", "wip", "idea", "raw", "deferred"),
    "pending": (
        "pending", "active", "proposed", "review", "last call", "voting", "vote pending", "feasibility", "ready",
        "in discussion", "rfc", "deposit period", "voting period",
    ),
    "superseded": ("superseded", "replaced", "deprecated", "moved"),
}  # fmt: skip
_OUTCOME: Mapping[str, Outcome] = {word: outcome for outcome, words in _WORDS.items() for word in words}
_PREFIX = re.compile(r"(?:proposal|propstatus)[ ]status[ ]")

_SUPPORT: Mapping[str, Support] = {
    **dict.fromkeys(("for", "yes", "yae", "yay", "yea", "aye", "approve", "accept", "support", "in favor",
                     "in favour", "yes, approve", "赞成", "同意", "支持"), "for"),
    **dict.fromkeys(("against", "no", "nay", "reject", "oppose", "disapprove", "do nothing", "make no changes",
                     "反对", "不同意"), "against"),
    **dict.fromkeys(("abstain", "abstention", "弃权"), "abstain"),
}  # fmt: skip


def outcome_of(status: str) -> Outcome:
    """Read a status as its source writes it: the word alone, or the word before a comma, a bracket or a link.

    >>> outcome_of("Passed, increase budget to $4.5M/year"), outcome_of("PROPOSAL_STATUS_REJECTED")
    ('passed', 'rejected')
    >>> outcome_of("View results on the forum")
    'unknown'
    """
    words = re.sub(r"[_\s-]+", " ", status).strip(" *.`'\"").casefold()
    words = _PREFIX.sub("", words)
    for head in (words, re.split(r"[,;:(\[]", words, maxsplit=1)[0].strip(), words.split(" ", 1)[0]):
        if head in _OUTCOME:
            return _OUTCOME[head]
    return "unknown"


def support_of(choice: str) -> Support:
    """Read the label of a choice as for, against or abstain; empty where it is another question.

    >>> support_of("YAE - do it"), support_of("Option B")
    ('for', '')
    """
    words = re.sub(r"\s+", " ", choice).strip(" .!*✅❌").casefold()
    for head in (words, re.split(r"[,:;(\-–—]", words, maxsplit=1)[0].strip()):
        if head in _SUPPORT:
            return _SUPPORT[head]
    return ""


def vote_outcome(choices: Sequence[str], scores: Sequence[Decimal], quorum: Decimal | None) -> Outcome:
    """Tell whether a vote that is over passed: more for than against, and the quorum reached by all scores.

    A question with other choices than for, against and abstain has a winner but neither passes nor fails.
    """
    sides = [support_of(choice) for choice in choices]
    if len(scores) != len(choices) or "" in sides or sides.count("for") != 1 or sides.count("against") != 1:
        return "unknown"
    if quorum is not None and sum(scores) < quorum:
        return "rejected"
    return "passed" if scores[sides.index("for")] > scores[sides.index("against")] else "rejected"
