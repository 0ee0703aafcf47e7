"""The items of an evaluation: made from the data wherever it lies, by the frozen list of ids."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from data_prep.bench_zh import FILE as MADE_ZH
from data_prep.bench_zh import PREFIX as MADE_PREFIX
from data_prep.bench_zh import made_items
from data_prep.draftbench import BenchItem, bench_items
from data_prep.faults import Fault
from data_prep.inversion import Inverted, invert
from data_prep.proposals import Proposal, read_proposals
from data_prep.records import Drop
from data_prep.split import Split
from proposal.errors import InputError, IntegrityError
from proposal.hashing import sha256_text
from proposal.template import load_template
from recipes.draftbench.plan import EvaluationPlan

TEMPLATE = "generic"
"""The template that published proposals are inverted under."""


def held_out(files: Sequence[Path], split: Split) -> Iterator[Inverted]:
    """Yield the proposals that belong to the held-out side by their DAO or day, inverted."""
    for proposal in _proposals(files):
        if split.own_place(proposal.dao, proposal.created).side == "held_out":
            inverted = invert(proposal, load_template(TEMPLATE))
            if inverted.sections:
                yield inverted


def items_of(plan: EvaluationPlan) -> list[BenchItem]:
    """Make all items of a plan: those of its frozen list, then the made ones."""
    listed = make_items(plan.proposals, read_ids(plan.ids), seed=plan.seed) if plan.ids else []
    return [*listed, *made_items(plan.made_zh, seed=plan.seed)]


def origin(plan: EvaluationPlan) -> dict[str, str]:
    """Return what a report says about where its items are from."""
    said = {}
    if plan.ids:
        said["items"] = f"`{plan.ids}`, {sha256_text(plan.ids.read_text(encoding='utf-8'))[:12]}, seed {plan.seed}"
    if plan.made_zh:
        scenarios = sha256_text(MADE_ZH.read_text(encoding="utf-8"))[:12]
        said["made items"] = (
            f"{plan.made_zh} in Chinese, made up by us, not real proposals (ids `{MADE_PREFIX}…`): "
            f"`data_prep/{MADE_ZH.name}`, {scenarios}, seed {plan.seed}"
        )
    return said


def make_items(files: Sequence[Path], ids: Sequence[str], *, seed: int) -> list[BenchItem]:
    """Make the items of the frozen list, in its order; one that the data no longer gives is an error."""
    wanted = set(ids)
    template = load_template(TEMPLATE)
    found = [invert(proposal, template) for proposal in _proposals(files) if proposal.id in wanted]
    items = {item.id: item for item in bench_items([one for one in found if one.sections], seed=seed)}
    missing = [one for one in ids if one not in items]
    if missing:
        raise IntegrityError(
            f"{len(missing)} of {len(ids)} items cannot be made from this data, such as '{missing[0]}'",
            where=", ".join(str(file) for file in files),
            fix="give the data that the list was frozen on, or freeze a new list (docs/draftbench.md)",
        )
    return [items[one] for one in ids]


def read_ids(path: Path) -> list[str]:
    """Read a frozen list: one id a line, '#' begins a remark."""
    if not path.is_file():
        raise InputError("no such file", where=str(path), fix="freeze a list first: --freeze")
    lines = (line.partition("#")[0].strip() for line in path.read_text(encoding="utf-8").splitlines())
    ids = [line for line in lines if line]
    if len(set(ids)) != len(ids):
        raise InputError("an id stands twice", where=str(path))
    return ids


def frozen(items: Sequence[BenchItem], *, remark: str) -> str:
    """Return the text of a frozen list."""
    return "".join(f"{line}\n" for line in (f"# {remark}", *(item.id for item in items)))


def _proposals(files: Sequence[Path]) -> Iterator[Proposal]:
    for file in _expanded(files):
        for item in read_proposals(file):
            if isinstance(item, Fault):
                raise InputError(item.message, where=f"{item.file}:{item.line}", fix=item.fix)
            if not isinstance(item, Drop):
                yield item


def _expanded(files: Sequence[Path]) -> list[Path]:
    found = [file for path in files for file in (sorted(path.glob("*.jsonl")) if path.is_dir() else [path])]
    if not found:
        raise InputError("holds no .jsonl file", where=", ".join(str(file) for file in files))
    return [file for file in found if "outcomes" not in file.stem]
