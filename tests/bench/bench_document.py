"""How long parsing takes: cold over every shared proposal, and on one megabyte of hostile text.

    python -m tests.bench.bench_document

Prints the median and the 95th percentile in milliseconds of processor time, the share of proposals that render to
the same bytes, and the slowest hostile texts. Targets: median 5 ms at about 4,000 characters, 1 MB within 1 s.
"""

from __future__ import annotations

import statistics
import sys
import time

from proposal.document import parse, render
from tests.conftest import shared_data_folder, shared_proposals

MEGABYTE = 1_000_000
HOSTILE = (
    "1.", "1 ", "1,111,", "[[", "{{", "(((", "|||", "```\n", "`a ", "> ", "- ", "- a\n", "> - a\n", ">" * 50 + "a\n",
    "> - " * 20 + "a\n", "a\n", "a\n\n", "\n", "<!--", "<a ", "](", "](a ", "[a", '"a', "“", "http://", "0x1 ",
    "twenty-", "one ", "one hundred ", "must ", "应", "一 ", "百分之", "２，", "May ", "2026-", "a\u200b", "\r",
    "a\n===\n",
    "|a" * 100 + "|\n" + "|-" * 100 + "|\n" + "|\n" * 200, "EIP-1 ", "e.g. ", "a. ", "Phase 1 and ", "[a]: b\n", "1–",
)  # fmt: skip


def seconds(text: str) -> float:
    """Return the processor time of one cold parse."""
    started = time.process_time()
    parse.__wrapped__(text)
    return time.process_time() - started


def report_proposals() -> list[str]:
    """Measure every shared proposal: time and round trip."""
    folder = shared_data_folder()
    if folder is None:
        return ["proposals: no shared data (set DAO_SHARED_DATA)"]
    bodies = [body for _, body in shared_proposals(folder)]
    taken = sorted(seconds(body) * 1e3 for body in bodies)
    near = [seconds(body) * 1e3 for body in bodies if 3_500 <= len(body) <= 4_500]
    same = sum(render(parse.__wrapped__(body)) == body for body in bodies)
    p95 = taken[int(len(taken) * 0.95)]
    return [
        f"proposals: {len(bodies)}, {statistics.median(map(len, bodies)):,.0f} characters in the median",
        f"parse: median {statistics.median(taken):.2f} ms, p95 {p95:.2f} ms, slowest {taken[-1]:.0f} ms",
        f"parse, 3,500 to 4,500 characters: median {statistics.median(near):.2f} ms of {len(near)}",
        f"round trip: {same} of {len(bodies)} byte-identical",
    ]


def report_hostile() -> list[str]:
    """Measure one megabyte of each hostile unit; return the slowest five."""
    texts = [(unit * (MEGABYTE // len(unit) + 1))[:MEGABYTE] for unit in HOSTILE]
    taken = sorted(zip(map(seconds, texts), HOSTILE, strict=True), reverse=True)
    return [f"hostile, 1 MB of {unit[:20]!r}: {slow:.2f} s" for slow, unit in taken[:5]]


def main() -> int:
    sys.stdout.write("\n".join([*report_proposals(), *report_hostile()]) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
