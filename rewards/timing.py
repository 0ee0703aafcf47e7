"""How long scoring takes: per draft for the first time and again, per batch, on hostile text, and in memory.

Time is CPU time of one process, because the machine is shared with other work; the median of many drafts, because the
first ones pay for what is built once.
"""

from __future__ import annotations

import re
import resource
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from random import Random

from rewards import REWARDS, forget, score_all
from rewards.rows import Task

DRAFT_CHARACTERS, BATCH_CHARACTERS = 4_600, 7_400
"""A draft, and a completion of about 2,000 tokens."""
BATCH = 256
SHARE = 1 / 3
"""Share of a draft's words that each variant exchanges."""

_EXCHANGED = re.compile(r"(?<![\w.\[{/#-])(?<![0-9][ ])[a-z]{4,}(?![\w.\]}/-][a-z0-9])")
_HAN = re.compile(r"[\u4e00-\u9fff]")
_PLAIN_WORDS = """
access account agenda agreed amount annual answer apply assess asset assign audit average balance band basis board
branch brief carry case central chain charge check claim clear client close code collect comment common compare
complete condition confirm consider contract control copy correct council country course covered create current
daily data decide default define delay deliver depend deposit describe design detail develop differ direct discuss
divide document double earlier edit effect elect employ enter equal estimate event exact examine example exchange
expect expire explain extend external factor field figure file final follow formal former forward frame fund general
govern group guide handle hold hour include inform inside intend internal invite item join keep label later launch
lead level limit list local lower maintain manage mark match matter meet member method middle minute monthly name
narrow need nominal normal note notice number object obtain offer open operate order outline outside page part
"""
"""What stands for the rest of the words that completions of one prompt use: plain ones, as in any proposal."""


@dataclass(frozen=True, slots=True)
class Measured:
    """One measured figure with what was asked for."""

    what: str
    value: float
    unit: str
    wanted: float

    def __str__(self) -> str:
        verdict = "ok" if self.value <= self.wanted else "over"
        return f"{self.what:58} {self.value:9.2f} {self.unit:4} (wanted {self.wanted:g} {self.unit}) {verdict}"


def score_as_trained(text: str, task: Task) -> None:
    """Score a text by one reward after the other, as a trainer does."""
    for reward in REWARDS:
        score_all(text, task)[reward.name]


def variants(text: str, count: int, characters: int) -> list[str]:
    """Return texts of about that length of which no two share a sentence, nor any has one twice.

    They have the shape of the draft (its headings, figures, citations and lengths of sentences) in other words, as the
    completions of one prompt do: what is remembered of a sentence is worth nothing among them, what is remembered of
    the prompt and of single words is.
    """
    base = (text + "\n\n" + text * (characters // max(1, len(text))))[: characters - 20].rsplit(".", 1)[0] + "."
    words = [*_EXCHANGED.findall(text), *_PLAIN_WORDS.split()]
    signs = _HAN.findall(text)
    found = []
    for number in range(count):
        other = _exchanged(base, _EXCHANGED, words, SHARE, Random(number))
        found.append(_exchanged(other, _HAN, signs, SHARE / 2, Random(number)))
    return found


def _exchanged(text: str, pattern: re.Pattern[str], others: Sequence[str], share: float, random: Random) -> str:
    return pattern.sub(lambda match: random.choice(others) if random.random() < share else match[0], text)


def milliseconds(run: Callable[[], None]) -> float:
    """Return the CPU time of one call in milliseconds."""
    started = time.process_time()
    run()
    return (time.process_time() - started) * 1_000


def measure(drafts: Sequence[str], task: Task, *, step_seconds: float) -> list[Measured]:
    """Return all figures; `drafts` are honest whole drafts with slots already filled."""
    texts = [variant for draft in drafts for variant in variants(draft, 40, DRAFT_CHARACTERS)]
    for text in texts[:5]:
        score_as_trained(text, task)
    forget()
    cold = [milliseconds(lambda text=text: score_as_trained(text, task)) for text in texts]  # type: ignore[misc]
    warm = [milliseconds(lambda text=text: score_as_trained(text, task)) for text in texts[-60:]]  # type: ignore[misc]
    batch = variants(drafts[0], BATCH, BATCH_CHARACTERS)
    whole = sum(milliseconds(lambda text=text: score_as_trained(text, task)) for text in batch) / 1_000  # type: ignore[misc]
    hostile = max(_hostile(pattern, task) for pattern in ("1.", "[E1]", "{{E1.a}}. ", "*a_", "“", "四十万", "|a"))
    return [
        Measured(f"a draft of {DRAFT_CHARACTERS:,} characters, first time, median", statistics.median(cold), "ms", 3.0),
        Measured("the same draft again, median", statistics.median(warm), "ms", 0.5),
        Measured(f"{BATCH} completions of about 2,000 tokens", whole, "s", 1.0),
        Measured("a megabyte of hostile text, slowest pattern", hostile, "ms", 50.0),
        Measured(
            f"share of a GRPO step of {step_seconds:g} s that scoring takes", 100 * whole / step_seconds, "%", 5.0
        ),
    ]


def _hostile(pattern: str, task: Task) -> float:
    text = pattern * (1_000_000 // len(pattern))
    return min(milliseconds(lambda sign=sign: score_as_trained(sign + text, task)) for sign in "xyz")  # type: ignore[misc]


def memory_growth(draft: str, task: Task, *, completions: int) -> Measured:
    """Return how much the process grew over that many different completions, in MiB."""
    base = draft.split("\n\n")[2][:400]
    for number in range(1_000):
        score_as_trained(f"{base} Warm {number:x}.", task)
    before = _peak_mib()
    for number in range(completions):
        score_as_trained(f"{base} Part {number:x}.", task)
    return Measured(f"growth of memory over {completions:,} completions", _peak_mib() - before, "MiB", 32.0)


def _peak_mib() -> float:
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / 1024 if sys.platform != "darwin" else peak / 1024 / 1024
