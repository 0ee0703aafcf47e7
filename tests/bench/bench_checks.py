"""Measure the checks: recall on planted violations, blocking findings on passed proposals, and speed.

    python -m tests.bench.bench_checks                    # all three; about ten minutes on two cores
    python -m tests.bench.bench_checks recall --each 200
    python -m tests.bench.bench_checks blocking           # needs the shared data (DAO_SHARED_DATA)
    python -m tests.bench.bench_checks speed

Exit code 1 when a target is missed: recall of every rule at least 0.99, 5 ms for a draft of 4.6 k characters. The
share of *false* blocking findings cannot be computed: `docs/checks-false-findings.md` holds the list that was read.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from proposal.checks import RULES, run_checks
from proposal.document import parse
from proposal.mutation import Planter, planters
from proposal.template import load_template, template_for_dao
from tests.proposal.clean_cases import clean_cases, is_placed

TARGET_RECALL = 0.99
TARGET_MILLISECONDS = 5.0
DRAFT_CHARACTERS = 4_600
MAX_SEEDS = 60

_GUIDES = ("synthetix-sips-1", "synthetix-sccp-1", "synthetix-stps-1", "mstable-mip-1", "mstable-mccp-1", "yearn-yip-0")
_RATIONALE = ("synthetix-sips-135", "synthetix-sips-136", "synthetix-sips-137", "synthetix-sips-287",
              "synthetix-sips-290", "mstable-mip-9")  # fmt: skip
_ABSTRACT_ONLY = ("synthetix-sips-332", "synthetix-sips-333", "synthetix-sips-334", "synthetix-sips-335",
                  "synthetix-sips-342")  # fmt: skip
_NO_ABSTRACT = ("ens-ep-6.3", "ens-ep-6.47")

FALSE_FINDINGS: frozenset[tuple[str, str]] = frozenset(
    [
        *((proposal, rule) for proposal in _GUIDES for rule in ("ST-req-section", "ST-placeholder")),
        *((proposal, "ST-req-section") for proposal in (*_RATIONALE, *_ABSTRACT_ONLY, *_NO_ABSTRACT)),
        ("mstable-tdp-47", "ST-placeholder"),
        ("yearn-yip-65", "ST-placeholder"),
        ("ens-ep-6.16", "ST-empty-section"),
    ]
)
"""Blocking findings on passed proposals that were read and found false: proposal id and rule. The page
`docs/checks-false-findings.md` gives the reason for each."""


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", nargs="?", choices=["all", "recall", "blocking", "speed"], default="all")
    parser.add_argument("--each", type=int, default=200, help="mutations of each kind")
    parser.add_argument("--kind", action="append", help="only this kind of mutation (may be repeated)")
    arguments = parser.parse_args()
    ok = True
    if arguments.what in {"all", "recall"}:
        ok &= report_recall(arguments.each, arguments.kind)
    if arguments.what in {"all", "blocking"}:
        ok &= report_blocking()
    if arguments.what in {"all", "speed"}:
        ok &= report_speed()
    return 0 if ok else 1


def say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


# --- recall --------------------------------------------------------------------------------------------------------


def report_recall(each: int, kinds: list[str] | None) -> bool:
    """Print recall and placement for each kind of mutation; tell whether every rule reaches the target."""
    planted: Counter[str] = Counter()
    found: Counter[str] = Counter()
    say("kind                  rule                      n  found  recall  placed")
    for planter in planters():
        if kinds is not None and planter.kind not in kinds:
            continue
        total, hits, placed = measure(planter, each)
        planted[planter.rule] += total
        found[planter.rule] += hits
        share = f"{hits / total:.4f}  {placed / total:.4f}" if total else "no place for it"
        say(f"{planter.kind:21} {planter.rule:24} {total:4} {hits:5}  {share}")
    low = [rule for rule in planted if planted[rule] and found[rule] / planted[rule] < TARGET_RECALL]
    absent = [rule.id for rule in RULES if not planted[rule.id]] if kinds is None else []
    say(f"recall over all: {sum(found.values())} of {sum(planted.values())}")
    say(f"rules below {TARGET_RECALL}: {', '.join(low) or 'none'}; never planted: {', '.join(absent) or 'none'}")
    return not low and not absent


def measure(planter: Planter, each: int) -> tuple[int, int, int]:
    """Plant a kind `each` times over all clean proposals; return how many were planted, found, found in place."""
    total = hits = placed = 0
    cases = clean_cases()
    for seed in range(each * len(cases)):
        if total == each or (seed == MAX_SEEDS and not total):
            break
        case = cases[seed % len(cases)]
        for mutation in case.mutations(seed, planter.kind):
            findings = case.new_findings(mutation)
            total += 1
            hits += bool(findings)
            placed += is_placed(mutation, findings)
    return total, hits, placed


# --- blocking findings on passed proposals ---------------------------------------------------------------------------


def passed_proposals(folder: Path) -> Iterator[tuple[str, str, str]]:
    """Yield id, template name and text of every proposal that passed (of Aave: was merged, it has no outcomes)."""
    for path in sorted((folder / "proposals").glob("*.jsonl")):
        with path.open(encoding="utf-8") as lines:
            for row in map(json.loads, lines):
                if row.get("body") and (row["outcome"] == "passed" or path.stem == "aave_aips"):
                    yield row["id"], template_for_dao(row["dao"]), whole_text(row["title"], row["body"])


def whole_text(title: str, body: str) -> str:
    """Return body and title as one text; some bodies begin with the title."""
    begins = body.lstrip().startswith(("# " + title[:20], "#" + title[:20]))
    return body if begins else f"# {title}\n\n{body}"


def report_blocking() -> bool:
    """Print what blocks passed proposals, by template and rule."""
    folder = Path(os.environ.get("DAO_SHARED_DATA") or Path(__file__).parents[3] / "shared" / "data")
    if not (folder / "proposals").is_dir():
        say(f"no shared data at {folder}: set DAO_SHARED_DATA to measure blocking findings")
        return True
    texts, blocked, false = Counter[str](), Counter[str](), Counter[str]()
    rules: dict[str, Counter[str]] = {}
    for proposal_id, name, text in passed_proposals(folder):
        findings = run_checks(text, template=load_template(name))
        broken = {finding.rule for finding in findings if finding.severity == "error"}
        texts[name] += 1
        blocked[name] += bool(broken)
        false[name] += any((proposal_id, rule) in FALSE_FINDINGS for rule in broken)
        rules.setdefault(name, Counter()).update(broken)
    for name in sorted(texts):
        broken_rules = ", ".join(f"{rule} {count}" for rule, count in rules[name].most_common())
        counts = f"{texts[name]:4} passed, {blocked[name]:4} blocked, {false[name]:3} by a false finding"
        say(f"{name:14} {counts}: {broken_rules}")
    share = sum(false.values()) / sum(texts.values())
    say(f"{sum(texts.values())} passed, {sum(blocked.values())} blocked, {sum(false.values())} of them by a finding "
        f"that is false ({share:.2%})")  # fmt: skip
    return share <= 0.05


# --- speed -----------------------------------------------------------------------------------------------------------


def report_speed() -> bool:
    """Print the processor time of all rules on a draft of 4.6 k characters, without parsing."""
    case = next(case for case in clean_cases() if case.name == "rebate-generic")
    text = case.text[:DRAFT_CHARACTERS]
    parse(text)
    times = []
    for _ in range(60):
        start = time.process_time()
        run_checks(text, template=case.template, evidence=case.evidence, brief=case.brief)
        times.append((time.process_time() - start) * 1000)
    times.sort()
    say(f"{len(text)} characters, {len(RULES)} rules, without parsing: fastest {times[0]:.2f} ms, "
        f"median {times[len(times) // 2]:.2f} ms (target {TARGET_MILLISECONDS} ms)")  # fmt: skip
    return times[0] <= TARGET_MILLISECONDS


if __name__ == "__main__":
    sys.exit(main())
