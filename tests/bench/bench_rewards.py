"""Measure the rewards: CPU time per draft and per batch, hostile text, memory, and the share of a training step.

    python -m tests.bench.bench_rewards
    python -m tests.bench.bench_rewards --memory 100000      # some minutes
    python -m tests.bench.bench_rewards --strict             # exit code 1 when a target is missed

Targets: 3 ms for a new draft of 4.6 k characters, 0.5 ms for one that was scored before, 1 s for 256 completions of
2 k tokens, 50 ms for a megabyte of hostile text. Time is CPU time of one core, the median of many drafts.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from proposal.slots import fill
from rewards.timing import measure, memory_growth
from tests.rewards.drafts import BRIEF, EVIDENCE, WHOLE_EN, server_draft, task


def main(arguments: Sequence[str]) -> int:
    """Print every figure; with --strict a missed target is a failure."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.bench_rewards")
    parser.add_argument("--step-seconds", type=float, default=60.0, help="one GRPO step of 256 completions")
    parser.add_argument("--memory", type=int, default=5_000, help="completions to measure the growth of memory over")
    parser.add_argument("--strict", action="store_true")
    options = parser.parse_args(arguments)
    given = task(required=tuple(EVIDENCE))
    prose = fill(WHOLE_EN, evidence=EVIDENCE, brief=BRIEF, language="en").text
    sys.stdout.write("prose as a model writes it\n")
    found = measure([prose], given, step_seconds=options.step_seconds)
    sys.stdout.write("".join(f"  {one}\n" for one in found))
    sys.stdout.write("the same with the server's tables and references\n")
    printed = measure([server_draft()], given, step_seconds=options.step_seconds)
    sys.stdout.write("".join(f"  {one}\n" for one in printed[:2]))
    if options.memory:
        found.append(memory_growth(prose, given, completions=options.memory))
        sys.stdout.write(f"  {found[-1]}\n")
    missed = any(one.value > one.wanted for one in found)
    return 1 if options.strict and missed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
