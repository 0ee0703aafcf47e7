"""The commands of `dao-agent data`: validate, convert, build, charts.

Results go to stdout, faults too, because they are the result; exit code 2 where a file has faults.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Annotated, Any, cast

import typer

from data_prep.convert import TARGETS, Target, convert_row, repaired
from data_prep.dataset_folder import DataFile, data_files
from data_prep.faults import Fault
from data_prep.formats import FORMATS, Format, Validation, check_row, validate
from data_prep.reading import RawRow, read_rows
from data_prep.sources.cli import fetch_command
from proposal.errors import InputError, nearest
from proposal.values import Language

MAX_LISTED = 20
"""Faults that are listed of one file, unless all are asked for."""

data_app = typer.Typer(no_args_is_help=True, help="Check and convert training data, build data cuts.")
data_app.command("fetch")(fetch_command)


@data_app.command("validate")
def validate_command(
    path: Annotated[Path, typer.Argument(help="A data file, or a folder with data files or dataset.json.")],
    expect: Annotated[str, typer.Option(help=f"The format it has to be in: {', '.join(FORMATS)}.")] = "",
    media: Annotated[Path | None, typer.Option(help="Folder in which images are looked for too.")] = None,
    fix: Annotated[bool, typer.Option("--fix", help="Write FILE.fixed.jsonl with mechanical faults mended.")] = False,
    every: Annotated[bool, typer.Option("--all", help="List every fault.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Check every row of training data and name each fault with file, row, field and what to do.

    dao-agent data validate data.jsonl
    """
    wanted = cast(Format | None, chosen(expect, FORMATS, "--expect") if expect else None)
    results: list[Validation] = []
    notes: list[str] = []
    for item in data_files(path):
        if isinstance(item, DataFile):
            results.append(validate(item.path, expect=wanted, media=media, columns=item.columns))
            if fix:
                notes += _fixed(item, results[-1])
        elif isinstance(item, Fault):
            results.append(Validation(item.file, faults=[item]))
        else:
            notes.append(item)
    if as_json:
        typer.echo(json.dumps({"files": [_as_json(result) for result in results], "notes": notes}, ensure_ascii=False))
    else:
        for line in [*_report(results, every), *notes]:
            typer.echo(line)
    if not all(result.ok for result in results):
        raise typer.Exit(InputError.exit_code)


def _report(results: list[Validation], every: bool) -> Iterator[str]:
    for result in results:
        shown = result.faults if every else result.faults[:MAX_LISTED]
        yield from map(str, shown)
        if len(result.faults) > len(shown):
            yield f"{result.file}: {len(result.faults) - len(shown)} more faults (--all lists them)"
        state = "no fault" if result.ok else f"{len(result.faults)} faults"
        yield f"{result.file}: {result.format or 'unknown format'}, {result.rows} rows, {state}"
        yield from (f"  note: {note}" for note in result.notes)


def _as_json(result: Validation) -> dict[str, Any]:
    faults = [fault.to_dict() for fault in result.faults]
    return {"file": result.file, "format": result.format, "rows": result.rows, "faults": faults, "notes": result.notes}


def _fixed(item: DataFile, result: Validation) -> list[str]:
    """Write the repaired rows beside the file, never over it."""
    if result.format is None or not any(fault.fixable for fault in result.faults):
        return [f"{item.path}: nothing mechanical to mend"]
    target = item.path.with_name(f"{item.path.name.removesuffix('.gz').rpartition('.')[0]}.fixed.jsonl")
    mended = 0
    with target.open("w", encoding="utf-8") as out:
        for row in read_rows(item.path):
            if isinstance(row, RawRow):
                data = repaired(row.data, check_row(row, result.format, item.path))
                mended += data != row.data
                out.write(json.dumps(data, ensure_ascii=False) + "\n")
    left = len(validate(target, expect=result.format).faults)
    return [f"{target}: {mended} rows mended, {left} faults are left"]


@data_app.command("convert")
def convert_command(
    path: Annotated[Path, typer.Argument(help="The data file to read.")],
    out: Annotated[Path, typer.Option(help="The .jsonl file to write.")],
    to: Annotated[str, typer.Option(help=f"The format to write: {', '.join(TARGETS)}.")] = "messages",
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Write data in another format; a row with a fault, or that the format cannot say, stops nothing and is named.

    dao-agent data convert alpaca.json --to messages --out rows.jsonl
    """
    target = cast(Target, chosen(to, TARGETS, "--to"))
    result = validate(path)
    if result.format is None:
        raise InputError("is in no known format", where=str(path), fix=f"dao-agent data validate {path}")
    written, faults = _convert(path, result.format, target, out)
    if as_json:
        typer.echo(json.dumps({"out": str(out), "rows": written, "faults": [fault.to_dict() for fault in faults]}))
    else:
        for fault in faults[:MAX_LISTED]:
            typer.echo(str(fault))
        typer.echo(f"{out}: {written} rows from {result.format} to {target}, {len(faults)} faults")
    if faults:
        raise typer.Exit(InputError.exit_code)


def _convert(path: Path, format_: Format, target: Target, out: Path) -> tuple[int, list[Fault]]:
    faults: list[Fault] = []
    written = 0
    out.parent.mkdir(parents=True, exist_ok=True)
    with out.open("w", encoding="utf-8") as lines:
        for item in read_rows(path):
            found = [item] if isinstance(item, Fault) else convert_row(item, format_, target, path)
            if isinstance(found, list):
                faults += found
            else:
                lines.write(json.dumps(found, ensure_ascii=False) + "\n")
                written += 1
    return written, faults


@data_app.command("build")
def build_command(
    config: Annotated[Path | None, typer.Argument(help="The YAML file of a cut; or give --from.")] = None,
    source: Annotated[
        list[Path] | None, typer.Option("--from", help="A folder of cases, or a .jsonl file of reviews or proposals.")
    ] = None,
    out: Annotated[Path | None, typer.Option(help="Folder that holds the cuts; default: data/cuts.")] = None,
    name: Annotated[str, typer.Option(help="Name of the cut; default: the name of the first source.")] = "",
    variants: Annotated[int | None, typer.Option(help="Seed of variants with foreign and missing evidence.")] = None,
    tokenizer: Annotated[str | None, typer.Option(help="Count tokens with the tokenizer in this folder.")] = None,
    processes: Annotated[int, typer.Option(min=1, help="Processes; the bytes do not depend on it.")] = 1,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Build a data cut: rows of every training method, hashed and counted; a killed build goes on where it stopped.

    dao-agent data build recipes/configs/data.yaml --processes 2
    """
    from data_prep.build import asked_config, build_cut, started_at, summary
    from data_prep.workers import Progress

    wanted = asked_config(config, source or [], out=out, name=name, variants=variants, tokenizer=tokenizer)
    folder = build_cut(wanted, now=started_at(), processes=processes, note=Progress(), card=True)
    if as_json:
        manifest = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
        shown = {name: manifest[name] for name in ("rows", "rows_by_side", "dropped", "leakage", "inversion")}
        typer.echo(json.dumps({"out": str(folder), **shown}))
        return
    typer.echo(summary(folder))


@data_app.command("query")
def query_command(
    sql: Annotated[str, typer.Argument(help="A question in DuckDB's SQL over the tables of the lake.")],
    lake: Annotated[Path, typer.Option(help="Folder of the lake.")] = Path("data/lake"),
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object a line.")] = False,
) -> None:
    """Ask the lake: the newest record of every key by table name, all that were read as NAME_history.

    dao-agent data query "SELECT dao, count(*) FROM proposals GROUP BY dao"
    """
    from data_prep.lake import Lake, missing_package

    try:
        names, rows = Lake(lake).query(sql)
    except ModuleNotFoundError as error:
        raise missing_package(error) from None
    for row in rows:
        shown = dict(zip(names, row, strict=True))
        typer.echo(json.dumps(shown, ensure_ascii=False, default=str) if as_json else "\t".join(map(str, row)))
    typer.echo(f"{len(rows)} rows: {', '.join(names)}", err=True)


@data_app.command("charts")
def charts_command(
    out: Annotated[Path, typer.Option(help="Folder that gets the rows and the pictures.")],
    count: Annotated[int, typer.Option(min=0, help="How many made-up charts to draw.")] = 100,
    given: Annotated[Path | None, typer.Option("--from", help="Draw these series instead: a .jsonl of charts.")] = None,
    figures: Annotated[Path | None, typer.Option(help="A charts.jsonl of real figures: rows for evaluation.")] = None,
    seed: Annotated[int, typer.Option(help="What looks and made-up series follow from.")] = 7,
    languages: Annotated[str, typer.Option("--lang", help="Languages of the words, in turn.")] = "en,zh",
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Draw charts with known truth, and write rows that teach a vision model to read them.

    dao-agent data charts --out charts --count 500 --seed 7
    """
    from data_prep.chart_folder import write_charts, write_figures
    from data_prep.series import made_up, read_chart_data

    spoken = [cast(Language, chosen(word.strip(), ("en", "zh"), "--lang", "language")) for word in languages.split(",")]
    charts = read_chart_data(given) if given else (made_up(number, seed) for number in range(count))
    counts = write_charts(charts, out, languages=spoken, seed=seed, progress=_every(50, "charts drawn"))
    if figures:
        counts = {**counts, **{f"figures:{name}": number for name, number in write_figures(figures, out).items()}}
    if as_json:
        typer.echo(json.dumps({"out": str(out), "counts": counts}))
        return
    typer.echo(f"{out}: " + ", ".join(f"{number} {name}" for name, number in sorted(counts.items())))


def _every(step: int, words: str) -> Callable[[int], None]:
    """Return what tells progress on stderr at every so many."""
    return lambda number: typer.echo(f"{number} {words}", err=True) if number % step == 0 else None


def chosen(word: str, choices: tuple[str, ...], option: str, kind: str = "format") -> str:
    """Return a word that has to be one of the choices."""
    if word not in choices:
        near = nearest(word, choices)
        raise InputError(f"'{word}' is not a {kind}", where=option, expected=", ".join(choices),
                         fix=f"did you mean '{near}'?" if near else None)  # fmt: skip
    return word
