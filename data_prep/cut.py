"""Writing a cut: from the files of the units to JSON Lines of every row set and side, sources, drops and a manifest.

What equals another row or overlaps with a side that is further from training is refused here. Files are streamed, the
folder is named by a hash over everything in it and moved into place whole.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import hashlib
import importlib.metadata
import json
import os
import shutil
from array import array
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from heapq import heappush, heappushpop
from pathlib import Path
from typing import IO, Any

from data_prep.chart_rows import IMAGE_FOLDER
from data_prep.lake import Ingest, code_hash, database
from data_prep.leakage import measure, overlapping, repeated
from data_prep.policy import Policy
from data_prep.records import Drop, Method
from data_prep.split import SIDES, Side, Split
from proposal.errors import InputError
from proposal.hashing import canonical_json, sha256_data
from proposal.prompt import prompt_hash
from proposal.template import load_template

MANIFEST_FORM = "dao-agent-cut/2"
LONGEST = 10
"""How many of the longest rows a manifest names."""

SOURCES_FILE = "sources.jsonl"
DROPPED_FILE = "dropped.jsonl"
_READ = 64


def row_file(method: Method, side: Side) -> str:
    """Return where rows lie in a cut: those to train on at the top, others in a folder of their side."""
    return f"{method}.jsonl" if side == "train" else f"{side}/{method}.jsonl"


@dataclass(frozen=True, slots=True)
class CutPlan:
    """What a cut is written from."""

    name: str
    out: Path
    units: Sequence[Path]
    places: Path | None
    ingests: Sequence[Ingest]
    inputs: Mapping[str, str]
    row_sets: Sequence[Method]
    sides: Sequence[Side]
    split: Split
    policy: Policy
    tokenizer: str
    config_hash: str
    now: dt.datetime


@dataclass(slots=True)
class Counts:
    """What is counted while rows are written; lengths are kept as numbers only, a few bytes a row."""

    rows: dict[Side, Counter[str]] = field(default_factory=lambda: {side: Counter() for side in SIDES})
    by: dict[str, dict[str, Counter[str]]] = field(default_factory=lambda: defaultdict(lambda: defaultdict(Counter)))
    lengths: dict[str, dict[str, array[int]]] = field(
        default_factory=lambda: defaultdict(lambda: defaultdict(lambda: array("q")))
    )
    longest: dict[str, list[tuple[int, int, str, str, int]]] = field(default_factory=lambda: defaultdict(list))
    templates: set[str] = field(default_factory=set)
    drops: Counter[str] = field(default_factory=Counter)

    def add(self, row: Mapping[str, Any]) -> None:
        """Count a row that is written."""
        side, method = row["side"], row["method"]
        self.rows[side][method] += 1
        if row["template"]:
            self.templates.add(row["template"])
        if side != "train":
            return
        for column in ("template", "dao", "outcome", "language", "licence", "section"):
            self.by[column][method][row[column] or "–"] += 1
        self.lengths[method]["characters"].append(row["characters"])
        size = row["characters"]
        if row["prompt_tokens"] is not None:
            size = row["prompt_tokens"] + (row["answer_tokens"] or 0)
            self.lengths[method]["tokens"].append(size)
        if row["answer_tokens"] is not None:
            self.lengths[method]["trained"].append(row["answer_tokens"])
        number = self.rows[side][method]
        item = (size, -number, row["source"], row["section"], row["characters"])
        heap = self.longest[method]
        if len(heap) < LONGEST:
            heappush(heap, item)
        else:
            heappushpop(heap, item)


class _Hashed:
    """A text file that is hashed as it is written."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._file: IO[bytes] = path.open("wb")
        self._digest = hashlib.sha256()

    def write(self, line: str) -> None:
        data = line.encode("utf-8", errors="surrogatepass") + b"\n"
        self._digest.update(data)
        self._file.write(data)

    def close(self) -> str:
        self._file.close()
        return self._digest.hexdigest()


def write_cut(plan: CutPlan) -> Path:
    """Write the cut beside its final place and move it there whole; return its folder."""
    partial = plan.out / f".{plan.name}.{os.getpid()}"
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    try:
        counts = Counts()
        hashes = _write_rows(plan, partial, counts)
        _link_pictures(plan, partial)
        hashes[SOURCES_FILE], sources = _write_sources(plan, partial / SOURCES_FILE)
        templates = {name: load_template(name).hash for name in sorted(counts.templates)}
        identity = sha256_data({"files": hashes, "inputs": dict(plan.inputs), "templates": templates})[:12]
        folder = plan.out / f"{plan.name}-{identity}"
        if not folder.is_dir():
            manifest = _manifest(plan, counts, hashes, templates, identity)
            manifest["inversion"] = _inversion(plan)
            manifest["leakage"] = _leakage(plan, partial, sources)
            text = json.dumps(manifest, indent=2, ensure_ascii=False) + "\n"
            (partial / "manifest.json").write_text(text, encoding="utf-8")
            with contextlib.suppress(OSError):
                partial.rename(folder)
        point(plan.out / plan.name, folder)
        return folder
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def _write_rows(plan: CutPlan, folder: Path, counts: Counts) -> dict[str, str]:
    names = [row_file(method, side) for side in plan.sides for method in plan.row_sets]
    files = {name: _Hashed(folder / name) for name in names}
    dropped = _Hashed(folder / DROPPED_FILE)
    refused = _refused(plan)
    for ingest in plan.ingests:
        for drop in ingest.drops():
            _drop(drop, dropped, counts)
    for path in plan.units:
        for row in _read(path):
            reason = refused.get((row["unit"], row["number"]))
            if row["reason"]:
                drop = Drop(row["reason"], row["source"], row["method"], row["section"], row["detail"])
                _drop(drop, dropped, counts)
            elif reason:
                detail = "equals an earlier row" if reason == "duplicate" else "its text stands on the held-out side"
                _drop(Drop(reason, row["source"], row["method"], row["section"], detail), dropped, counts)  # type: ignore[arg-type]
            else:
                counts.add(row)
                files[row_file(row["method"], row["side"])].write(row["line"])
    hashes = {name: file.close() for name, file in files.items()}
    return {**hashes, DROPPED_FILE: dropped.close()}


def _link_pictures(plan: CutPlan, folder: Path) -> None:
    """Take the pictures of the units into the cut; their names follow from their bytes."""
    for path in sorted(plan.units[0].parent.parent.glob(f"{IMAGE_FOLDER}/*")) if plan.units else ():
        (folder / IMAGE_FOLDER).mkdir(exist_ok=True)
        os.link(path, folder / IMAGE_FOLDER / path.name)


def _drop(drop: Drop, file: _Hashed, counts: Counts) -> None:
    counts.drops[f"{drop.method}:{drop.reason}"] += 1
    file.write(json.dumps(asdict(drop), ensure_ascii=False))


def _refused(plan: CutPlan) -> dict[tuple[int, int], str]:
    """Return unit and number of the rows that must not be written, with the reason."""
    if not plan.units:
        return {}
    files = str(plan.units[0].parent / "*.parquet")
    with database() as duck:
        refused = dict.fromkeys(overlapping(duck, files, plan.split.overlap_percent), "near-held-out")
        refused |= dict.fromkeys(repeated(duck, files), "duplicate")
    return refused


def _read(path: Path) -> Iterator[dict[str, Any]]:
    import pyarrow.parquet as pq

    file = pq.ParquetFile(path)
    columns = [name for name in file.schema_arrow.names if name != "grams"]
    for batch in file.iter_batches(_READ, columns=columns):
        yield from batch.to_pylist()


def _write_sources(plan: CutPlan, path: Path) -> tuple[str, dict[str, tuple[str, str]]]:
    """Write what every proposal is and on which side; return the hash, and DAO and day of each."""
    import pyarrow.parquet as pq

    file, known = _Hashed(path), dict[str, tuple[str, str]]()
    if plan.places is not None:
        columns = ["id", "dao", "created", "licence", "outcome", "url", "_side", "_why", "_cluster"]
        for batch in pq.ParquetFile(plan.places).iter_batches(_READ, columns=columns):
            for row in batch.to_pylist():
                day = row["created"].isoformat()
                known[row["id"]] = (row["dao"], day)
                file.write(canonical_json({"id": row["id"], "dao": row["dao"], "created": day, "url": row["url"],
                                           "licence": row["licence"], "outcome": row["outcome"], "side": row["_side"],
                                           "why": row["_why"], "cluster": row["_cluster"]}))  # fmt: skip
    return file.close(), known


def _inversion(plan: CutPlan) -> dict[str, int]:
    """Count the published proposals that have a side, those of which a section came back from its slots, and sections.

    `sections` came back exactly; `lost` were found and did not: a figure no value prints, or another text.
    """
    if plan.places is None:
        return {}
    files = str(plan.units[0].parent / "*.parquet")
    with database() as duck:
        inverted, sections, lost = duck.execute(
            "SELECT count(DISTINCT source) FILTER (reason = ''), "
            "count(DISTINCT source || '/' || section) FILTER (reason = ''), "
            "count(DISTINCT source || '/' || section) FILTER (reason IN ('not-invertible', 'round-trip')) "
            "FROM read_parquet($1) WHERE section <> '' AND method IN ('sft', 'grpo') "
            "AND source NOT LIKE '%#%' AND source IN "
            "(SELECT id FROM read_parquet($2))",
            [files, str(plan.places)],
        ).fetchone()
        usable = duck.execute("SELECT count(*) FROM read_parquet($1) WHERE _side <> ''", [str(plan.places)]).fetchone()
    return {"proposals": usable[0], "inverted": inverted, "sections": sections, "lost": lost}


def _leakage(plan: CutPlan, folder: Path, sources: Mapping[str, tuple[str, str]]) -> dict[str, int]:
    files = [(side, folder / row_file(method, side)) for side in plan.sides for method in plan.row_sets]
    found = measure(files, sources, plan.split)
    return {**asdict(found), "total": found.total}


def _manifest(
    plan: CutPlan, counts: Counts, hashes: Mapping[str, str], templates: Mapping[str, str], identity: str
) -> dict[str, Any]:
    return {
        "form": MANIFEST_FORM,
        "id": identity,
        "created_at": plan.now.astimezone(dt.UTC).isoformat(timespec="seconds"),
        "software": f"dao-proposal-agent {importlib.metadata.version('dao-proposal-agent')}",
        "code": code_hash(),
        "config": plan.config_hash,
        "policy": plan.policy.hash,
        "split": plan.split.model_dump(mode="json"),
        "prompt_hash": prompt_hash(),
        "templates": dict(templates),
        "inputs": dict(sorted(plan.inputs.items())),
        "ingests": [ingest.id for ingest in plan.ingests],
        "read": {ingest.source: {"records": ingest.records, "dropped": len(ingest.dropped)} for ingest in plan.ingests},
        "licences": _sums(ingest.licences for ingest in plan.ingests),
        "masked": _sums(ingest.masked for ingest in plan.ingests),
        "files": dict(sorted(hashes.items())),
        "rows": {method: counts.rows["train"][method] for method in plan.row_sets},
        "rows_by_side": {side: {m: counts.rows[side][m] for m in plan.row_sets} for side in plan.sides},
        **{
            f"rows_by_{column}": {method: dict(sorted(found.items())) for method, found in sorted(methods.items())}
            for column, methods in sorted(counts.by.items())
        },
        "dropped": dict(sorted(counts.drops.items())),
        "tokenizer": plan.tokenizer,
        "lengths": {
            method: {what: _percentiles(values) for what, values in sorted(kinds.items())}
            for method, kinds in sorted(counts.lengths.items())
        },
        "longest": {method: _longest(items, plan.tokenizer) for method, items in sorted(counts.longest.items())},
    }


def _sums(counted: Iterable[Mapping[str, int]]) -> dict[str, int]:
    total: Counter[str] = Counter()
    for counts in counted:
        total.update(counts)
    return dict(sorted(total.items()))


def _percentiles(values: array[int]) -> dict[str, int]:
    """Return count, sum, ends and percentiles; the value at a percentile is one that occurs (nearest rank)."""
    ranked = sorted(values)
    at = {f"p{share}": ranked[max(0, -(-len(ranked) * share // 100) - 1)] for share in (5, 25, 50, 75, 95, 99)}
    return {"rows": len(ranked), "sum": sum(ranked), "min": ranked[0], **at, "max": ranked[-1]}


def _longest(items: Sequence[tuple[int, int, str, str, int]], tokenizer: str) -> list[dict[str, Any]]:
    """Name the longest rows, so that the first one out of memory is no surprise."""
    return [
        {"row": -place, "characters": characters, **({"tokens": size} if tokenizer else {}), "source": source,
         "section": section}
        for size, place, source, section, characters in sorted(items, reverse=True)
    ]  # fmt: skip


def point(link: Path, folder: Path) -> None:
    """Let OUT/NAME point to the newest cut, in one step, so that a reader never finds it missing."""
    if link.exists() and not link.is_symlink():
        raise InputError("is in the way: it is not a link to a cut", where=str(link), fix="choose another --name")
    temporary = link.with_name(f".{link.name}.link.{os.getpid()}")
    temporary.unlink(missing_ok=True)
    temporary.symlink_to(folder.name)
    temporary.replace(link)
