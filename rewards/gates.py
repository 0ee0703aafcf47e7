"""Violations that void a completion whatever else it does well: hidden text, instructions to a judge, copied evidence.

They are multiplied into every component instead of being a component of their own: GDPO normalises each reward column
by itself, so a gate in its own column could be outvoted by the others.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import compress, count, pairwise
from typing import Literal

from proposal.checks.framework import CheckContext
from proposal.checks.lexicons import hits
from proposal.document import Document
from rewards.ground import COPY_CHINESE, COPY_ENGLISH, Ground
from rewards.reading import Reading
from rewards.score import Reason
from rewards.statements import Statement
from rewards.wording import tokens

MAX_COPIED = 0.35
"""Share of the tokens that may stand in long passages copied from the evidence."""

MIN_PROSE = 0.4
"""Share of the words that must stand in sentences when a text also lists evidence."""

SHORTEST_BLOB = 40
_BLOB = re.compile(
    rf"(?<![A-Za-z0-9+/=_:.-])(?!0x|ipfs|Qm|bafy)[A-Za-z0-9+/]{{{SHORTEST_BLOB},400}}={{0,2}}(?![A-Za-z0-9+/=_-])"
)

Stage = Literal["early", "middle", "late"]
"""Early in training each violation halves a reward, so that a weak model still sees a slope; later it voids it."""

_PLAIN_TAGS = frozenset({"br", "p", "hr"})


def violations(reading: Reading, ground: Ground, context: CheckContext) -> list[Reason]:
    """Return every violation of the reading."""
    document = reading.document
    found = [Reason("hidden", f"the text holds {what}, which a reader does not see") for what in reading.disguises]
    found += _hidden(document)
    found += [
        Reason("code", "a code block may hide figures from a reader", block.start, block.end)
        for block in document.blocks
        if block.kind == "code" and _says_something(document.text[block.start : block.end])
    ]
    found += [
        Reason("code", f"a run of code that no reader can read: {match[0][:24]}…", match.start(), match.end())
        for match in (_BLOB.finditer(document.text) if _has_long_run(document.text) else ())
        if _is_encoded(match[0])
    ]
    found += [
        Reason("injection", f"{group.says}: {document.text[hit.start : hit.end][:80]}", hit.start, hit.end)
        for group, hit in hits(context, "IN-instruction")
    ]
    copied = copied_share(document.text, ground)
    if copied > MAX_COPIED:
        found.append(
            Reason("copied", f"{copied:.0%} of the text is copied from the evidence (at most {MAX_COPIED:.0%})")
        )
    if reading.cut:
        found.append(Reason("overlong", "the text is longer than any proposal; only its beginning was read"))
    return found


def _hidden(document: Document) -> list[Reason]:
    found = []
    for part in document.hidden:
        text = document.text[part.start : part.end]
        if part.kind == "zero_width":
            continue
        if part.kind == "html_tag" and text.strip("</> ").lower() in _PLAIN_TAGS:
            continue
        found.append(
            Reason("hidden", f"hidden text ({part.kind.replace('_', ' ')}): {text[:60]}", part.start, part.end)
        )
    return found


def _has_long_run(text: str) -> bool:
    """Tell whether a text may hold encoded text at all: a look that costs a quarter of the pattern's."""
    return max(map(len, text.split()), default=0) >= SHORTEST_BLOB


def _is_encoded(run: str) -> bool:
    """Tell text in base 64 from a long word, a slug, a hash and an address: it mixes cases and digits without order."""
    letters = [sign.islower() for sign in run if sign.isalpha()]
    changes = sum(left != right for left, right in pairwise(letters))
    return changes >= len(run) // 5 and any(sign.isdigit() for sign in run) and not run.startswith("0x")


def _says_something(code: str) -> bool:
    return len(tokens(code)) >= 4


def copied_share(text: str, ground: Ground) -> float:
    """Return the share of tokens that lie in long passages of the evidence.

    English is measured in runs of 12 tokens, Chinese in runs of 24 characters.
    """
    if not ground.copied:
        return 0.0
    found = tokens(text)
    chinese = not text.isascii() and sum(token > "\u3000" for token in found) * 2 > len(found)
    size, known = (COPY_CHINESE, ground.copied_chinese) if chinese else (COPY_ENGLISH, ground.copied)
    covered, reach = 0, 0
    heads = zip(found, found[1:], found[2:], strict=False)
    for place in compress(count(), map(ground.copied_heads.__contains__, heads)):
        if tuple(found[place : place + size]) in known:
            covered += place + size - max(place, reach)
            reach = place + size
    return covered / len(found) if found else 0.0


def dumped(statements: Sequence[Statement]) -> list[Reason]:
    """Report a text that lists evidence, as lines or as a table, instead of writing about it."""
    lists = [one for one in statements if one.row or one.listing]
    prose = sum(len(one.words) for one in statements if not (one.row or one.listing or one.reference))
    if len(lists) < 3 or prose > MIN_PROSE * (prose + sum(len(one.words) for one in lists)):
        return []
    return [
        Reason(
            "dump",
            f"{len(lists)} lines list evidence and little is written about it",
            lists[0].sentence.start,
            lists[-1].sentence.end,
        )
    ]


def gate(found: int, *, truncated: bool, stage: Stage) -> float:
    """Return what all components are multiplied by."""
    count = found + truncated
    if stage == "early":
        return 2.0 ** -min(count, 8)
    return 0.0 if count else 1.0
