"""Build a data cut: the rows of every training method from cases, reviews and published proposals, in one dated, hashed
folder.

    python -m data_prep.build --from examples [--from reviews.jsonl] --out data/cuts [--name NAME]

The folder's name holds a hash over everything in it, so a run can never read a stale file under a
known name, and the same inputs give the same bytes anywhere. `OUT/NAME` is a link to the newest cut
of that name, for recipes. What did not become a row stands in `dropped.jsonl` with its reason.
"""

from __future__ import annotations

import argparse
import datetime as dt
import hashlib
import importlib.metadata
import json
import os
import shutil
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from data_prep.cases import case_folders, case_inputs, read_case, read_reviews
from data_prep.faults import Fault, shown
from data_prep.inversion import invert
from data_prep.pairs import mutation_pairs
from data_prep.proposals import read_proposals
from data_prep.reading import read_rows
from data_prep.records import METHODS, ROW_OF, Case, Drop, Method, ReviewedDraft, Row
from data_prep.rows import edit_pairs, grpo_rows, kto_rows, sft_rows
from data_prep.variants import with_distractors, with_missing
from proposal.errors import AgentError, InputError
from proposal.evidence import Evidence
from proposal.hashing import canonical_json, sha256_text
from proposal.prompt import prompt_hash
from proposal.template import Template, load_template

MANIFEST_FORM = "dao-agent-cut/1"
LONGEST = 10
"""How many of the longest rows a manifest names."""

_METHOD_OF: dict[type[Row], Method] = {row: method for method, row in ROW_OF.items()}


@dataclass(slots=True)
class Cut:
    """Rows and drops being collected; a row that equals an earlier one is a drop."""

    rows: dict[Method, list[Row]] = field(default_factory=lambda: {method: [] for method in METHODS})
    drops: list[Drop] = field(default_factory=list)
    inputs: dict[str, str] = field(default_factory=dict)
    templates: dict[str, str] = field(default_factory=dict)
    licences: Counter[str] = field(default_factory=Counter)
    _seen: set[str] = field(default_factory=set)

    def add(self, item: Row | Drop) -> None:
        """Keep a row, or count a drop."""
        if isinstance(item, Drop):
            self.drops.append(item)
            return
        method = _METHOD_OF[type(item)]
        identity = sha256_text(method + canonical_json(item.model_dump(exclude={"dao_source", "dao_pair"})))
        if identity in self._seen:
            self.drops.append(Drop("duplicate", item.dao_source, method, item.dao_section, "equals an earlier row"))
        else:
            self._seen.add(identity)
            self.rows[method].append(item)

    def template(self, name: str) -> Template:
        """Load a template and note its hash for the manifest."""
        template = load_template(name)
        self.templates[name] = template.hash
        return template


def build(sources: Sequence[Path], *, out: Path, name: str, now: dt.datetime, variant_seed: int | None = None) -> Path:
    """Build one cut from folders of cases and files of reviews or proposals; return its folder.

    With a `variant_seed` each inverted proposal is added again with foreign evidence, and with some missing.
    """
    cut = Cut()
    for source in sources:
        if source.is_dir():
            _add_cases(cut, source)
        elif source.suffix == ".jsonl":
            _add_lines(cut, source, variant_seed)
        else:
            raise InputError("is neither a folder of cases nor a .jsonl file of reviews or proposals",
                             where=str(source), fix="check the path")  # fmt: skip
    return _write(cut, out=out, name=name, now=now)


def _add_cases(cut: Cut, source: Path) -> None:
    for folder in case_folders(source):
        case = read_case(folder, root=source)
        for path in case_inputs(folder):
            cut.inputs[f"{case.key}/{path.name}"] = file_hash(path)
        for item in _case_rows(case, cut.template(case.brief.template)):
            cut.add(item)


def _case_rows(case: Case, template: Template) -> Iterator[Row | Drop]:
    yield from sft_rows(case, template)
    yield from mutation_pairs(case, template)
    yield from grpo_rows(case, template)


def _add_lines(cut: Cut, source: Path, seed: int | None) -> None:
    """Tell reviews from proposals by the fields of the first line."""
    cut.inputs[source.name] = file_hash(source)
    first = next(iter(read_rows(source)))
    if isinstance(first, Fault):
        raise InputError(first.message, where=f"{first.file}:{first.line}" if first.line else first.file, fix=first.fix)
    if {"draft", "review"} <= set(first.data):
        _add_reviews(cut, source)
    elif {"title", "body"} <= set(first.data):
        _add_proposals(cut, source, seed)
    else:
        raise InputError(f"found {shown(first.data)}", where=str(source),
                         expected="lines with 'draft' and 'review', or with 'title' and 'body'")  # fmt: skip


def _add_proposals(cut: Cut, source: Path, seed: int | None) -> None:
    template = cut.template("generic")
    before: list[Evidence] = []
    for item in read_proposals(source):
        if isinstance(item, Fault):
            raise InputError(item.message, where=f"{item.file}:{item.line}", fix=item.fix)
        if isinstance(item, Drop):
            cut.add(item)
            continue
        cut.licences[item.licence] += 1
        inverted = invert(item, template)
        for drop in inverted.drops:
            cut.add(drop)
        if inverted.sections:
            for row in _case_rows(inverted.case, template):
                cut.add(row)
            for variant in _variants(inverted.case, before, seed) if seed is not None else ():
                for row in (*sft_rows(variant, template), *grpo_rows(variant, template)):
                    cut.add(row)
            before = list(inverted.case.evidence.values())


def _variants(case: Case, others: Sequence[Evidence], seed: int) -> Iterator[Case]:
    yield from filter(None, (with_distractors(case, others, seed=seed), with_missing(case, seed=seed)))


def _add_reviews(cut: Cut, source: Path) -> None:
    latest: dict[str, ReviewedDraft] = {}
    for reviewed in read_reviews(source):
        template = cut.template(reviewed.draft.brief.template)
        for item in kto_rows(reviewed, template):
            cut.add(item)
        draft_id = reviewed.review.draft_id
        before = latest.get(draft_id)
        if before is not None and before.review.version < reviewed.review.version:
            for pair in edit_pairs(before, reviewed, template):
                cut.add(pair)
        latest[draft_id] = reviewed


def _write(cut: Cut, *, out: Path, name: str, now: dt.datetime) -> Path:
    """Write the cut beside its final place and move it there whole: a killed build leaves no half
    cut.
    """
    files = {
        f"{method}.jsonl": _lines(row.model_dump(mode="json") for row in rows) for method, rows in cut.rows.items()
    }
    files["dropped.jsonl"] = _lines(asdict(drop) for drop in cut.drops)
    hashes = {file: sha256_text(text) for file, text in files.items()}
    identity = sha256_text(canonical_json({"files": hashes, "inputs": cut.inputs, "templates": cut.templates}))[:12]
    folder = out / f"{name}-{identity}"
    if not folder.is_dir():
        files["manifest.json"] = json.dumps(_manifest(cut, hashes, identity, now), indent=2, ensure_ascii=False) + "\n"
        partial = out / f".{folder.name}.{os.getpid()}"
        partial.mkdir(parents=True)
        for file, text in files.items():
            (partial / file).write_text(text, encoding="utf-8")
        try:
            partial.rename(folder)
        except OSError:
            shutil.rmtree(partial)
            if not folder.is_dir():
                raise
    _point(out / name, folder)
    return folder


def _lines(rows: Iterator[dict[str, Any]]) -> str:
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)


def _manifest(cut: Cut, hashes: dict[str, str], identity: str, now: dt.datetime) -> dict[str, Any]:
    reasons = Counter(f"{drop.method}:{drop.reason}" for drop in cut.drops)
    return {
        "form": MANIFEST_FORM,
        "id": identity,
        "created_at": now.astimezone(dt.UTC).isoformat(timespec="seconds"),
        "software": f"dao-proposal-agent {importlib.metadata.version('dao-proposal-agent')}",
        "prompt_hash": prompt_hash(),
        "templates": dict(sorted(cut.templates.items())),
        "inputs": dict(sorted(cut.inputs.items())),
        "licences": dict(sorted(cut.licences.items())),
        "files": hashes,
        "rows": {method: len(rows) for method, rows in cut.rows.items()},
        "rows_by_template": _by(cut, "dao_template"),
        "dropped": dict(sorted(reasons.items())),
        "longest": {method: _longest(rows) for method, rows in cut.rows.items() if rows},
    }


def _by(cut: Cut, column: str) -> dict[str, dict[str, int]]:
    return {
        method: dict(sorted(Counter(getattr(row, column) for row in rows).items()))
        for method, rows in cut.rows.items()
        if rows
    }


def _longest(rows: Sequence[Row]) -> list[dict[str, Any]]:
    """Name the longest rows by characters of all turns, so that the first one out of memory is no
    surprise.
    """
    sized = [(sum(len(turn.content) for turn in row.messages), number) for number, row in enumerate(rows, 1)]
    top = sorted(sized, key=lambda pair: (-pair[0], pair[1]))[:LONGEST]
    return [
        {
            "row": number,
            "characters": size,
            "source": rows[number - 1].dao_source,
            "section": rows[number - 1].dao_section,
        }
        for size, number in top
    ]


def _point(link: Path, folder: Path) -> None:
    """Let OUT/NAME point to the newest cut, in one step, so that a reader never finds it
    missing.
    """
    if link.exists() and not link.is_symlink():
        raise InputError("is in the way: it is not a link to a cut", where=str(link), fix="choose another --name")
    temporary = link.with_name(f".{link.name}.{os.getpid()}")
    temporary.symlink_to(folder.name)
    temporary.replace(link)


def file_hash(path: Path) -> str:
    """Return the SHA-256 of a file's bytes."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def main(argv: Sequence[str] | None = None) -> int:
    """Build a cut as the command line asks; return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m data_prep.build", description=(__doc__ or "").splitlines()[0])
    parser.add_argument(
        "--from",
        dest="sources",
        action="append",
        type=Path,
        required=True,
        metavar="PATH",
        help="a folder of cases, or a .jsonl file of reviews or published proposals; may be given again",
    )
    parser.add_argument("--out", type=Path, required=True, help="folder that holds the cuts, such as data/cuts")
    parser.add_argument("--name", default="", help="name of the cut (default: the name of the first source)")
    parser.add_argument(
        "--variants", type=int, metavar="SEED", help="add variants of the evidence, chosen by this seed"
    )
    arguments = parser.parse_args(argv)
    name = arguments.name or arguments.sources[0].resolve().stem
    try:
        now = dt.datetime.now(dt.UTC)
        folder = build(arguments.sources, out=arguments.out, name=name, now=now, variant_seed=arguments.variants)
    except AgentError as error:
        sys.stderr.write(f"{error}\n")
        return error.exit_code
    manifest = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
    counts = ", ".join(f"{count} {method}" for method, count in manifest["rows"].items())
    sys.stdout.write(f"{folder}: {counts} rows; {sum(manifest['dropped'].values())} dropped (dropped.jsonl)\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
