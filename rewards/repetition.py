"""How much of a text says again what it already said: sentences that nearly repeat, and runs of four tokens."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from itertools import chain

from proposal.template_schema import WORDS_TO_CHARACTERS
from proposal.values import Language

RUN: Mapping[Language, int] = {"en": 4, "zh": 4 * WORDS_TO_CHARACTERS[1] // WORDS_TO_CHARACTERS[0]}
"""Tokens of a run that counts as repeated: four words; a Chinese token is one character."""

NEAR = 0.8
"""Share of common words (Jaccard) from which two sentences count as the same."""
SHORTEST = 5
"""Sentences with fewer words may recur ("This is unchanged.")."""


def near_duplicates(sentences: Sequence[Sequence[str]], marks: Sequence[frozenset[Hashable]]) -> list[int]:
    """Return the places of sentences that nearly repeat an earlier one.

    `marks` are what tells two sentences apart although their words are the same: the figures they state. Only
    sentences that share one of their rarest words can be near, so all pairs need not be compared.
    """
    sets = [frozenset(words) for words in sentences]
    known: set[str] = set()
    recurring: set[str] = set()
    for words in sets:
        recurring |= known & words
        known |= words
    rank = _ranks(chain.from_iterable(map(recurring.intersection, sets)))
    by_rare: dict[str, list[int]] = {}
    found: list[int] = []
    for place, words in enumerate(sets):
        shared = words & recurring
        if len(words) < SHORTEST or len(shared) < NEAR * len(words):
            continue
        # One of its rarest words must be common to a near sentence: only so many may differ.
        rare = sorted(shared, key=rank)[: len(words) - int(NEAR * len(words)) + 1]
        candidates = {other for word in rare for other in by_rare.get(word, ())[-50:]}
        if any(
            len(words & sets[other]) >= NEAR * len(words | sets[other])
            and (marks[place] == marks[other] or not (marks[place] and marks[other]))
            for other in candidates
        ):
            found.append(place)
        for word in rare:
            by_rare.setdefault(word, []).append(place)
    return found


def _ranks(words: Iterable[str]) -> Callable[[str], int]:
    """Return the place of each word among all, the rarest first."""
    rarity = Counter(words)
    in_order = sorted(sorted(rarity), key=rarity.__getitem__)
    return dict(zip(in_order, range(len(in_order)), strict=True)).__getitem__


def runs_of(tokens: Sequence[str], length: int) -> list[tuple[str, ...]]:
    """Return every run of so many tokens, in order.

    >>> runs_of(["a", "b", "c"], 2)
    [('a', 'b'), ('b', 'c')]
    """
    return list(zip(*(tokens[place:] for place in range(length)), strict=False))


def repeated_share(tokens: Sequence[str], length: int = RUN["en"]) -> float:
    """Return the share of runs of so many tokens that occurred before.

    >>> repeated_share("a b c d a b c d".split())
    0.2
    """
    runs = runs_of(tokens, length)
    return 1 - len(set(runs)) / len(runs) if runs else 0.0
