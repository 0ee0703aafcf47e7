"""Build a data cut: the rows of every training method from cases, reviews and published proposals, in one dated, hashed
folder.

    python -m data_prep.build recipes/configs/data.yaml [--processes N]
    python -m data_prep.build --from examples [--from reviews.jsonl] --out data/cuts [--name NAME]

Inputs go to the lake, near-duplicates are found, every proposal gets its side, and processes make rows of a few records
each. A build that is killed goes on where it stopped and writes the same bytes, whatever the number of processes. The
folder's name holds a hash over everything in it, so a run can never read a stale file under a known name. `OUT/NAME` is
a link to the newest cut of that name, for recipes. What did not become a row stands in `dropped.jsonl` with its reason.
"""

from __future__ import annotations

import argparse
import contextlib
import datetime as dt
import fcntl
import json
import os
import shutil
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from data_prep.card import write_card
from data_prep.cases import case_folders, case_inputs, read_case, read_reviews
from data_prep.config import BuildConfig, InputFile, config_from, input_files, load_config
from data_prep.cut import CutPlan, write_cut
from data_prep.faults import Fault
from data_prep.history_tables import HISTORY, read_history
from data_prep.lake import Ingest, Lake, Source, Table, code_hash, file_hash, missing_package
from data_prep.placing import place_records
from data_prep.policy import load_policy
from data_prep.proposals import Proposal, read_proposals
from data_prep.records import Drop
from data_prep.split import NO_SPLIT, SIDES, Side, Split, load_split
from data_prep.tokens import Tokenizer, tokenizer_of
from data_prep.units import CASES, PROPOSALS, REVIEWS, UNIT, CaseRecord, Kind, ReviewRecord, RowTask, SignTask
from data_prep.workers import Note, Progress, run_tasks, silent
from proposal.errors import AgentError, ConflictError, InputError
from proposal.hashing import sha256_data

TABLE_OF = {"cases": CASES, "reviews": REVIEWS, "proposals": PROPOSALS}


def table_of(file: InputFile) -> Table:
    """Return the table that an input goes to."""
    return HISTORY.get(file.path.stem, PROPOSALS) if file.kind == "history" else TABLE_OF[file.kind]


def build(sources: Sequence[Path], *, out: Path, name: str, now: dt.datetime, variant_seed: int | None = None) -> Path:
    """Build one cut from folders of cases and files of reviews or proposals; return its folder.

    With a `variant_seed` each inverted proposal is added again with foreign evidence, and with some missing.
    """
    return build_cut(config_from(sources, out=out, name=name, variants=variant_seed), now=now)


def build_cut(
    config: BuildConfig, *, now: dt.datetime, processes: int = 1, note: Note = silent, card: bool = False
) -> Path:
    """Build the cut of a configuration, with its data card where that is asked for; return its folder."""
    try:
        return Build(config, now, processes, note, card).run()
    except ModuleNotFoundError as error:
        raise missing_package(error) from None


@dataclass(slots=True)
class Build:
    """One run of a build: its stages in their order, each of which can be repeated."""

    config: BuildConfig
    now: dt.datetime
    processes: int
    note: Note
    card: bool

    def run(self) -> Path:
        """Run every stage; return the folder of the cut."""
        files = input_files(self.config)
        split = load_split(Path(self.config.split)) if self.config.split else NO_SPLIT
        tokenizer = tokenizer_of(self.config.tokenizer)
        inputs = [_source(file) for file in files]
        key = self._key(inputs, split, tokenizer)
        out = Path(self.config.out)
        work = out / f".work-{self.config.name}-{key}"
        work.mkdir(parents=True, exist_ok=True)
        with _locked(work):
            ingests = self._ingest(files, inputs)
            places = self._places(work, ingests, split)
            units = self._rows(work, ingests, places)
            self.note("cut", 0, 1)
            sides: tuple[Side, ...] = SIDES if self.config.split else ("train",)
            plan = CutPlan(self.config.name, out, units, places, ingests, _hashes(files, inputs), self.config.row_sets,
                           sides, split, load_policy(), tokenizer.name, key, self._began(work))  # fmt: skip
            folder = write_cut(plan)
            self.note("cut", 1, 1)
            if self.card and not (folder / "card" / "card.md").is_file():
                write_card(folder)
            shutil.rmtree(work)
        return folder

    def _key(self, inputs: Sequence[Source], split: Split, tokenizer: Tokenizer) -> str:
        """Return the name of this build's working folder: whatever a row depends on is in it."""
        config = self.config.model_dump(mode="json", exclude={"out", "lake", "tokenizer", "split", "inputs"})
        return sha256_data([config, [(item.name, item.sha256) for item in inputs], split.hash, load_policy().hash,
                            tokenizer.name, code_hash()])[:12]  # fmt: skip

    def _began(self, work: Path) -> dt.datetime:
        """Return when this build was first started: a build that goes on has the date of its beginning."""
        mark = work / "began"
        if not mark.is_file():
            mark.write_text(self.now.isoformat(), encoding="ascii")
        return dt.datetime.fromisoformat(mark.read_text(encoding="ascii"))

    def _ingest(self, files: Sequence[InputFile], inputs: Sequence[Source]) -> list[Ingest]:
        lake, done = Lake(self.config.lake_folder), []
        for number, (file, source) in enumerate(zip(files, inputs, strict=True)):
            self.note("lake", number, len(files))
            records = _records(file, self.config)
            done.append(lake.ingest(source, table_of(file), records, policy=load_policy(), at=self.now))
        self.note("lake", len(files), len(files))
        return done

    def _places(self, work: Path, ingests: Sequence[Ingest], split: Split) -> Path | None:
        """Give every proposal its cluster and its side, and write them in the order in which rows are made."""
        lake = self.config.lake_folder
        tables = [lake / ingest.file for ingest in ingests if ingest.table == PROPOSALS.name and ingest.records]
        if not tables:
            return None
        target = work / "records.parquet"
        if target.is_file():
            return target
        tasks = [SignTask(path, work / "signs" / f"{number:05}.parquet") for number, path in enumerate(tables)]
        run_tasks("near-duplicates", tasks, processes=self.processes, note=self.note)
        place_records(tables, work / "signs" / "*.parquet", split, target, where=self.config.split)
        return target

    def _rows(self, work: Path, ingests: Sequence[Ingest], places: Path | None) -> list[Path]:
        tasks = [
            RowTask(kind, number, path, group, work / "rows" / f"{number:06}.parquet", self.config)
            for number, (kind, path, group) in enumerate(self._spans(ingests, places))
        ]
        run_tasks("rows", tasks, processes=self.processes, note=self.note)
        return [task.target for task in tasks]

    def _spans(self, ingests: Sequence[Ingest], places: Path | None) -> Iterator[tuple[Kind, Path | None, int]]:
        """Yield what each unit reads: its kind, the file, and which part of it."""
        import pyarrow.parquet as pq

        for ingest in ingests:
            path = self.config.lake_folder / ingest.file
            if ingest.table == CASES.name:
                yield from (("cases", path, group) for group in range(pq.ParquetFile(path).num_row_groups))
            elif ingest.table == REVIEWS.name:
                yield "reviews", path, 0
        if places is not None:
            yield from (("proposals", places, group) for group in range(pq.ParquetFile(places).num_row_groups))
            yield "history", places, 0
        if self.config.charts is not None and "sft_multimodal" in self.config.row_sets:
            yield from (("charts", None, batch) for batch in range(-(-self.config.charts.count // UNIT)))


def _source(file: InputFile) -> Source:
    """Return an input by name and hash; a folder of cases has the hash of all its files."""
    if file.kind != "cases":
        return Source(file.path.name, file_hash(file.path), file.path)
    return Source(file.path.resolve().name, sha256_data(_case_hashes(file.path)))


def _case_hashes(folder: Path) -> dict[str, str]:
    root = Path(folder.name)
    return {
        (root / case.relative_to(folder) / path.name).as_posix(): file_hash(path)
        for case in case_folders(folder)
        for path in case_inputs(case)
    }


def _hashes(files: Sequence[InputFile], inputs: Sequence[Source]) -> dict[str, str]:
    """Return the hash of every input file, by the name that the manifest gives it."""
    found: dict[str, str] = {}
    for file, source in zip(files, inputs, strict=True):
        for name, digest in (_case_hashes(file.path) if file.kind == "cases" else {source.name: source.sha256}).items():
            if found.setdefault(name, digest) != digest:
                raise InputError("two inputs have this name", where=name, fix="rename one of them")
    return found


def _records(file: InputFile, config: BuildConfig) -> Iterator[Any]:
    """Yield the records of an input and its drops; a line that cannot be read stops the build and is named."""
    if file.kind == "cases":
        yield from (CaseRecord.of(read_case(folder, root=file.path)) for folder in case_folders(file.path))
    elif file.kind == "reviews":
        for reviewed in read_reviews(file.path):
            yield ReviewRecord(reviewed.source, reviewed.model_dump_json())
    elif file.kind == "history":
        yield from (_allowed(item, config) if isinstance(item, Proposal) else item for item in read_history(file.path))
    else:
        for item in read_proposals(file.path):
            if isinstance(item, Fault):
                raise InputError(item.message, where=f"{item.file}:{item.line}", fix=item.fix)
            yield _allowed(item, config)


def _allowed(item: Proposal | Drop, config: BuildConfig) -> Proposal | Drop:
    """Return a proposal whose licence allows the use, else its drop."""
    if isinstance(item, Drop) or load_policy().allows(item.licence, config.use):
        return item
    return Drop("licence", item.id, "sft", detail=item.licence or "none stated")


@contextlib.contextmanager
def _locked(work: Path) -> Iterator[None]:
    """Hold the working folder: two builds of one cut at once would write the same files."""
    with (work / "lock").open("w", encoding="ascii") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise ConflictError("another build of this very cut is running", where=str(work),
                                fix="wait until it has ended") from None  # fmt: skip
        yield


def started_at() -> dt.datetime:
    """Return the time that a cut is dated with: SOURCE_DATE_EPOCH where it is set, else now."""
    fixed = os.environ.get("SOURCE_DATE_EPOCH", "")
    return dt.datetime.fromtimestamp(int(fixed), dt.UTC) if fixed.isdigit() else dt.datetime.now(dt.UTC)


def summary(folder: Path) -> str:
    """Return in one line what a cut holds."""
    manifest = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
    counts = ", ".join(f"{count} {method}" for method, count in manifest["rows"].items())
    dropped = sum(manifest["dropped"].values())
    return f"{folder}: {counts} rows; {dropped} dropped (dropped.jsonl); leakage {manifest['leakage']['total']}"


def main(argv: Sequence[str] | None = None) -> int:
    """Build a cut as the command line asks; return the exit code."""
    arguments = _parser().parse_args(argv)
    try:
        config = asked_config(arguments.config, arguments.sources or [], out=arguments.out, name=arguments.name,
                              variants=arguments.variants, tokenizer=arguments.tokenizer)  # fmt: skip
        folder = build_cut(config, now=started_at(), processes=arguments.processes,
                           note=Progress(), card=True)  # fmt: skip
    except AgentError as error:
        sys.stderr.write(f"{error}\n")
        return error.exit_code
    sys.stdout.write(f"{summary(folder)}\n")
    return 0


def asked_config(
    config: Path | None,
    sources: Sequence[Path],
    *,
    out: Path | None,
    name: str,
    variants: int | None,
    tokenizer: str | None,
) -> BuildConfig:
    """Return the configuration that a command line asks for: a file with what was changed, or one of paths alone."""
    if bool(config) == bool(sources):
        raise InputError("give either a configuration or --from", where="data build",
                         fix="python -m data_prep.build recipes/configs/data.yaml")  # fmt: skip
    changed = {"out": str(out) if out else None, "name": name or None, "variants": variants, "tokenizer": tokenizer}
    asked = (
        load_config(config)
        if config
        else config_from(
            sources, out=out or Path("data/cuts"), name=name or sources[0].resolve().stem, variants=variants
        )
    )
    return asked.model_copy(update={key: value for key, value in changed.items() if value is not None})


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m data_prep.build", description=(__doc__ or "").splitlines()[0])
    parser.add_argument(
        "config", nargs="?", type=Path, help="the YAML file of a cut, such as recipes/configs/data.yaml"
    )
    parser.add_argument(
        "--from",
        dest="sources",
        action="append",
        type=Path,
        metavar="PATH",
        help="a folder of cases, or a .jsonl file of reviews or published proposals; may be given again",
    )
    parser.add_argument("--out", type=Path, help="folder that holds the cuts (default: data/cuts)")
    parser.add_argument("--name", default="", help="name of the cut (default: the name of the first source)")
    parser.add_argument(
        "--variants", type=int, metavar="SEED", help="add variants of the evidence, chosen by this seed"
    )
    parser.add_argument("--tokenizer", metavar="FOLDER", help="count tokens with the tokenizer in this folder")
    parser.add_argument("--processes", type=int, default=min(8, os.cpu_count() or 1), metavar="N",
                        help="processes that make rows; the bytes do not depend on it")  # fmt: skip
    return parser


if __name__ == "__main__":
    sys.exit(main())
