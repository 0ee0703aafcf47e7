"""Measure drafting systems on DraftBench: held-out proposals, the same items for all, one table.

    python recipes/evaluate.py recipes/configs/draftbench.yaml [key=value …] [--score] [--gate NAME] [--freeze]

Needs   .venv (make setup) and, for systems with a model, .venv-model (make setup-model); the data of the plan
Does    makes the items, drafts them with each system (vLLM on loopback), scores the drafts, writes report.md,
        report.json and report.svg into the plan's folder; an interrupted run goes on where it stopped
Exit    0 done, 2 wrong input, 3 the promotion gate objects (--gate), 4 the model failed, 5 other data, 6 wrong plan
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path

if not __package__:  # run as a file: import our packages, not the files beside this one
    sys.path[0] = str(Path(__file__).resolve().parent.parent)

from data_prep.draftbench import BenchItem, ItemDraft, bench_items, read_items, write_items
from data_prep.split import load_split
from proposal.errors import AgentError, GateError, InputError
from recipes.draftbench.gate import load_gate, objections
from recipes.draftbench.items import frozen, held_out, items_of, origin
from recipes.draftbench.metrics import Scores, score_draft
from recipes.draftbench.plan import EvaluationPlan, SystemPlan, load_plan
from recipes.draftbench.report import Comparison, System, compare, draw, to_data, to_markdown
from recipes.draftbench.serving import draft, served
from rewards import reward_version

ITEMS = "items.jsonl"


def main(argv: Sequence[str] | None = None) -> int:
    """Evaluate as the command line asks; return the exit code."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0], allow_abbrev=False)
    parser.add_argument("plan", type=Path, help="the plan, such as recipes/configs/draftbench.yaml")
    parser.add_argument("overrides", nargs="*", metavar="key=value")
    parser.add_argument("--score", action="store_true", help="score the drafts that are there; ask no model")
    parser.add_argument("--gate", default="", metavar="NAME",
                        help="tell from the drafts that are there whether this system may be promoted")  # fmt: skip
    parser.add_argument("--freeze", action="store_true", help="write the list of ids from the held-out side; stop")
    asked = parser.parse_intermixed_args(argv)
    try:
        plan = load_plan(asked.plan, asked.overrides)
        if asked.freeze:
            return freeze(plan)
        items = prepare(plan)
        if not (asked.score or asked.gate):
            draft_all(plan)
        found = report(plan, items)
        if asked.gate:
            require(found, asked.gate, plan)
    except AgentError as error:
        sys.stderr.write(f"{error}\n")
        return error.exit_code
    except KeyboardInterrupt:
        sys.stderr.write("interrupted; the same command goes on where it stopped\n")
        return 130
    return 0


def freeze(plan: EvaluationPlan) -> int:
    """Write the list of ids: every held-out proposal that states something from evidence."""
    if plan.ids is None:
        raise InputError("names no list to freeze", where="ids", fix="made items need none: file and seed give them")
    split = load_split()
    items = list(bench_items(list(held_out(plan.proposals, split)), seed=plan.seed))
    remark = f"DraftBench items, frozen with the split {split.hash}, seed {plan.seed}; the texts are not ours to commit"
    plan.ids.write_text(frozen(items, remark=remark), encoding="utf-8")
    daos = len({item.dao for item in items})
    sys.stdout.write(f"{plan.ids}: {len(items)} items of {daos} DAOs\n")
    return 0


def prepare(plan: EvaluationPlan) -> list[BenchItem]:
    """Make the items and write them where serving reads them; the same list gives the same file."""
    path = plan.out / ITEMS
    items = items_of(plan)[: plan.subset or None]
    write_items(items, path)
    sys.stderr.write(f"{len(items)} items of {len({item.dao for item in items})} DAOs in {path}\n")
    return read_items(path)


def draft_all(plan: EvaluationPlan) -> None:
    """Draft with every system; systems of one model share its server."""
    for model in dict.fromkeys(system.model for system in plan.systems):
        waiting = [system for system in plan.systems if system.model == model and not _complete(plan, system)]
        missing = [system.name for system in waiting if not system.is_here]
        if missing:
            sys.stderr.write(f"left out, as {model} is not on this machine: {', '.join(missing)}\n")
        if not waiting or missing:
            continue
        with served(model) as url:
            for system in waiting:
                sys.stderr.write(f"== {system.name}\n")
                draft(system, _items_of(plan, system), plan.out / system.file, url=url, parallel=plan.parallel)


def _items_of(plan: EvaluationPlan, system: SystemPlan) -> Path:
    """Return the file of the system's items: all, or the first so many."""
    if not system.items:
        return plan.out / ITEMS
    path = plan.out / f"items-{system.items}.jsonl"
    write_items(read_items(plan.out / ITEMS)[: system.items], path)
    return path


def _complete(plan: EvaluationPlan, system: SystemPlan) -> bool:
    wanted = {item.id for item in read_items(_items_of(plan, system))}
    return wanted <= {entry.id for entry in _drafts(plan, system)}


def _drafts(plan: EvaluationPlan, system: SystemPlan) -> list[ItemDraft]:
    path = plan.out / system.file
    if not path.is_file():
        return []
    lines = path.read_text(encoding="utf-8").splitlines()
    return [ItemDraft.model_validate(json.loads(line)) for line in lines if line.endswith("}")]


def report(plan: EvaluationPlan, items: Sequence[BenchItem]) -> Comparison:
    """Score every draft and write the report; a system without drafts is named and left out."""
    by_id = {item.id: item for item in items}
    systems: list[System] = []
    left_out: list[str] = []
    for system in plan.systems:
        scores: dict[str, Scores] = {
            entry.id: score_draft(by_id[entry.id], entry) for entry in _drafts(plan, system) if entry.id in by_id
        }
        if not scores:
            sys.stderr.write(f"{system.name}: no drafts, left out\n")
            left_out.append(system.name)
            continue
        systems.append(
            System(
                system.name,
                {"line": system.line, "model": system.model or "none", **system.made},
                scores,
                system.against,
            )
        )
    if not systems:
        raise InputError("no system has a draft", where=str(plan.out), fix="run without --score and --gate")
    clusters = {item.id: item.dao for item in items}
    found = compare(systems, clusters)
    about = {
        **origin(plan),
        "rewards": reward_version(),
        **({"left out": ", ".join(left_out)} if left_out else {}),
    }
    (plan.out / "report.md").write_text(to_markdown(systems, found, about=about), encoding="utf-8")
    data = json.dumps(to_data(systems, found, about=about), ensure_ascii=False, indent=1)
    (plan.out / "report.json").write_text(data + "\n", encoding="utf-8")
    draw(systems, found, plan.out / "report.svg")
    sys.stdout.write(f"{plan.out / 'report.md'}: {len(systems)} systems on {found.items} items\n")
    return found


def require(found: Comparison, candidate: str, plan: EvaluationPlan) -> None:
    """Raise `GateError` with every objection against promoting the candidate."""
    if candidate not in found.estimates:
        raise InputError(f"'{candidate}' has no drafts here", where="--gate", expected=", ".join(found.estimates))
    reasons = list(objections(load_gate(), found, candidate=candidate))
    if reasons:
        raise GateError("must not be promoted:\n  - " + "\n  - ".join(reasons), where=candidate,
                        fix=f"see {plan.out / 'report.md'}")  # fmt: skip
    sys.stdout.write(f"{candidate}: may be promoted\n")


if __name__ == "__main__":
    sys.exit(main())
