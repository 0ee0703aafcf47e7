"""How fast rows are made, whether memory stays flat, how many proposals invert, and whether ms-swift loads every row.

    .venv-model/bin/python -m tests.bench.bench_data [speed] [memory] [yield] [loading]

`speed` runs the same mapping as a stream and as `datasets.map` over one Parquet shard of shared proposals. `memory`
builds a cut from made-up proposals, 1x and 20x as many, each in a fresh process, and prints the highest resident size
of any process. `yield` inverts every shared proposal. `loading` has ms-swift load every file of rows of the cut that
`recipes/configs/data.yaml` builds, strictly, and compares the counts: exit code 1 where a row is lost. It is run only
when asked for, since it needs the cut. Times are seconds of processor time: other work on the machine does not count.
"""

from __future__ import annotations

import datetime as dt
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from data_prep.inversion import invert
from data_prep.proposals import Proposal, read_proposals
from data_prep.records import METHODS
from data_prep.row_sets import TEMPLATE
from data_prep.split import load_split
from data_prep.streaming import HeldOut, StreamPlan, batch_lines, stream_shard
from data_prep.units import PROPOSALS, UNIT, parquet
from proposal.template import load_template
from tests.conftest import shared_data_folder

CUT = Path("data/cuts/governance")
SAMPLE = 96
ONE, TWENTY = 60, 1_200
PLAN = StreamPlan(load_split(), row_sets=tuple(method for method in METHODS if method != "dpo"))

_CHILD = """
import datetime as dt, json, resource, sys
from pathlib import Path
from data_prep.build import build_cut
from data_prep.config import BuildConfig
from tests.data_prep.published import a_line, write_lines
folder, count = Path(sys.argv[1]), int(sys.argv[2])
with (folder / "lines.jsonl").open("w") as out:
    out.writelines(json.dumps(a_line(number)) + "\\n" for number in range(count))
config = BuildConfig.model_validate({"name": "bench", "out": str(folder / "cuts"), "row_sets": ["cpt", "sft", "grpo"],
                                     "inputs": [{"path": str(folder / "lines.jsonl"), "kind": "proposals"}]})
cut = build_cut(config, now=dt.datetime(2026, 11, 22, tzinfo=dt.UTC), processes=1)
used = resource.getrusage(resource.RUSAGE_SELF)
rows = sum(json.loads((cut / "manifest.json").read_text())["rows"].values())
print(json.dumps({"mib": used.ru_maxrss / 1024, "rows": rows, "cpu": used.ru_utime + used.ru_stime}))
"""


def proposals() -> Iterator[Proposal]:
    """Yield the shared proposals that may be used."""
    folder = shared_data_folder()
    if folder is None:
        raise SystemExit("no shared data: set DAO_SHARED_DATA")
    for path in sorted((folder / "proposals").glob("*.jsonl")):
        yield from (item for item in read_proposals(path) if isinstance(item, Proposal))


def report_speed(folder: Path) -> Iterator[str]:
    """Make the same rows as a stream and by `datasets.map`."""
    import pyarrow as pa
    from datasets import Dataset, disable_progress_bars

    disable_progress_bars()
    every = list(proposals())
    rows = [
        {name: getattr(item, name) for name in Proposal.__dataclass_fields__} for item in every[:: len(every) // SAMPLE]
    ]
    schema = pa.schema([item for item in PROPOSALS.schema() if not item.name.startswith("_")])
    shard = folder / "shard.parquet"
    shard.write_bytes(parquet(rows, schema))
    list(batch_lines(rows[:2], PLAN))  # patterns and templates are compiled once, before either is timed
    started = time.process_time()
    counts = stream_shard(shard, folder / "out", PLAN, HeldOut(PLAN.split.overlap_percent))
    ours = time.process_time() - started
    made = sum(count for name, count in counts.items() if not name.startswith("dropped"))
    yield f"stream: {made:,} rows of {len(rows)} proposals in {ours:.1f} s, {made / ours:,.0f} rows/s"

    def mapped(batch: dict[str, list[Any]]) -> dict[str, list[str]]:
        records = [dict(zip(batch, values, strict=True)) for values in zip(*batch.values(), strict=True)]
        lines = [line for line in batch_lines(records, PLAN) if not line["reason"]]
        return {name: [line[name] for line in lines] for name in ("method", "side", "line")}

    data = Dataset.from_parquet(str(shard), cache_dir=str(folder / "cache"))
    names = data.column_names
    started = time.process_time()
    data = data.map(mapped, batched=True, batch_size=UNIT, remove_columns=names, load_from_cache_file=False)
    for side in sorted(set(data["side"])):
        for method in sorted(set(data["method"])):
            part = data.filter(lambda row, s=side, m=method: row["side"] == s and row["method"] == m)
            (folder / f"{side}-{method}.jsonl").write_text("\n".join(part["line"]), encoding="utf-8")
    theirs = time.process_time() - started
    yield f"datasets.map: {len(data):,} rows in {theirs:.1f} s, {len(data) / theirs:,.0f} rows/s"


def report_memory(folder: Path) -> Iterator[str]:
    """Build from 1x and 20x as many made-up proposals; tell the highest resident size of each process."""
    sizes = []
    for count in (ONE, TWENTY):
        place = folder / str(count)
        place.mkdir()
        command = [sys.executable, "-c", _CHILD, str(place), str(count)]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        found = json.loads(done.stdout)
        sizes.append(found["mib"])
        size = f"{found['rows']:,} rows, {found['cpu']:.0f} s, {found['mib']:.0f} MiB at most"
        yield f"build of {count:,} proposals: {size}"
    yield f"20x the input takes {sizes[1] / sizes[0]:.2f}x the memory"


def report_yield(_folder: Path) -> Iterator[str]:
    """Invert every shared proposal; tell how many come back exactly, and how many figures have names."""
    template, started = load_template(TEMPLATE), time.process_time()
    usable = inverted = sections = lost = 0
    named: list[bool] = []
    for item in proposals():
        usable += 1
        result = invert(item, template)
        inverted += bool(result.sections)
        sections += len(result.sections)
        lost += sum(drop.reason in {"round-trip", "not-invertible"} for drop in result.drops)
        own = [value for value in result.case.brief.parameters.values() if value.is_number]
        named += [bool(value.label) for item in result.case.evidence.values() for value in item.values.values()]
        named += [bool(value.label) for value in own]
    taken = time.process_time() - started
    share = f"{inverted:,} of {usable:,} usable proposals ({inverted / usable:.1%})"
    yield f"inversion: {share}, {sections:,} sections, {lost} lost, {taken:.0f} s"
    yield f"figures that their sentence names: {sum(named):,} of {len(named):,} ({sum(named) / len(named):.0%})"


def report_loading(_folder: Path) -> Iterator[str]:
    """Load every file of rows as a run of ms-swift does; yields LOST where it has fewer than the file."""
    from swift import load_dataset

    if not CUT.is_dir():
        raise SystemExit(f"no {CUT}: python -m data_prep.build recipes/configs/data.yaml")
    folder = CUT.resolve()
    os.environ["ROOT_IMAGE_DIR"] = str(folder)
    for path in (folder / side / f"{method}.jsonl" for side in ("", "validation", "held_out") for method in METHODS):
        written = len(path.read_text(encoding="utf-8").splitlines()) if path.is_file() else 0
        if written:
            dataset, _ = load_dataset([str(path)], strict=True, num_proc=1, remove_unused_columns=False)
            verdict = "all" if len(dataset) == written else "LOST"
            yield f"{path.relative_to(folder)}: ms-swift loads {len(dataset):,} of {written:,} rows: {verdict}"


def main() -> int:
    asked = sys.argv[1:] or ["speed", "memory", "yield"]
    reports = {"speed": report_speed, "memory": report_memory, "yield": report_yield, "loading": report_loading}
    unknown = [name for name in asked if name not in reports]
    if unknown:
        raise SystemExit(f"'{unknown[0]}' is none of: {', '.join(reports)}")
    lost = False
    with tempfile.TemporaryDirectory(prefix="dao-agent-bench-") as folder:
        (Path(folder) / "out").mkdir()
        for name in asked:
            for line in reports[name](Path(folder)):
                print(line, flush=True)
                lost = lost or line.endswith("LOST")
    return int(lost)


if __name__ == "__main__":
    print(f"{dt.date.today()}, seconds of processor time")
    sys.exit(main())
