"""Drafting many items with one line: what evaluation asks of serving, and nothing that serving does otherwise.

Drafts go to a JSON Lines file, one line an item, written as they end: an interrupted run goes on where it stopped, and
refuses to mix drafts of another line, model or set of items into the same file.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import replace
from pathlib import Path

from pydantic import ValidationError

from data_prep.draftbench import BenchItem, ItemDraft, template_for
from proposal.draft import DraftRequest
from proposal.errors import ConflictError, InputError, nearest
from serve.drafting import ModelDrafter
from serve.events import DraftEvent
from serve.preparing import Prepared, prepare
from serve.settings import Settings
from serve.stages import LINES, Stages

OnDraft = Callable[[int, int, str, float], None]
"""Called after each draft: how many are done, of how many, the item's id, its seconds of writing."""


def line_named(name: str) -> Stages:
    """Return the stages of a drafting line by its name."""
    if name not in LINES:
        near = nearest(name, LINES)
        raise InputError(f"'{name}' is not a drafting line", where="--line", expected=", ".join(LINES),
                         fix=f"did you mean '{near}'?" if near else None)  # fmt: skip
    return LINES[name]


def draft_items(
    items: Sequence[BenchItem], out: Path, *, line: str, settings: Settings, parallel: int, on_draft: OnDraft
) -> int:
    """Draft every item that the file does not hold yet, so many side by side; return how many were drafted now."""
    stages = line_named(line)
    done = {entry.id for entry in _kept(out, line, settings.best_of)}
    waiting = [item for item in items if item.id not in done]
    out.parent.mkdir(parents=True, exist_ok=True)
    drafter = ModelDrafter(settings)

    def write(item: BenchItem) -> ItemDraft:
        draft = drafter.draft_prepared(prepared(item), done={}, emit=_unheard, stages=stages)
        return ItemDraft(id=item.id, line=line, best_of=settings.best_of, draft=draft)

    with contextlib.closing(drafter), ThreadPoolExecutor(parallel) as pool, out.open("a", encoding="utf-8") as lines:
        try:
            written = as_completed([pool.submit(write, item) for item in waiting])
            for number, future in enumerate(written, len(items) - len(waiting) + 1):
                entry = future.result()
                lines.write(entry.model_dump_json() + "\n")
                lines.flush()
                on_draft(number, len(items), entry.id, sum(section.seconds for section in entry.draft.sections))
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise
    return len(waiting)


def _unheard(event: DraftEvent) -> None:
    """Take an event of a draft that nobody watches."""


def prepared(item: BenchItem) -> Prepared:
    """Prepare an item for drafting: the sections its original has, with the facts these state."""
    template = template_for(item)
    request = DraftRequest(brief=item.brief, evidence=item.evidence)
    job = prepare(request, template)
    plan = {key: tuple(fact.fact() for fact in facts) for key, facts in item.plan.items()}
    return replace(job, plan={**dict.fromkeys(job.plan, ()), **plan})


def _kept(out: Path, line: str, best_of: int) -> Iterator[ItemDraft]:
    """Yield the drafts of an interrupted run; a half-written last line is cut off."""
    if not out.exists():
        return
    text = out.read_text(encoding="utf-8")
    whole = text[: text.rfind("\n") + 1]
    if whole != text:
        out.write_text(whole, encoding="utf-8")
    for number, row in enumerate(whole.splitlines(), 1):
        try:
            entry = ItemDraft.model_validate(json.loads(row))
        except (ValueError, ValidationError):
            raise InputError("not a draft of an item", where=f"{out}:{number}", fix="choose another --out") from None
        if (entry.line, entry.best_of) != (line, best_of):
            raise ConflictError(f"holds drafts of the line '{entry.line}' (best of {entry.best_of})", where=str(out),
                                fix="choose another --out")  # fmt: skip
        yield entry
