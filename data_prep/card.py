"""The data card of a cut: what is in it, for people (Markdown and SVG) and for programs (JSON).

    python -m data_prep.card data/cuts/shared

The card says only what the manifest and the files of the cut say; it lies in the cut's folder `card/` and can be
written again at any time without changing the cut.
"""

from __future__ import annotations

import json
import sys
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from data_prep.card_plots import draw_all
from data_prep.cut import DROPPED_FILE, SOURCES_FILE
from data_prep.lake import missing_package
from proposal.errors import AgentError, InputError
from proposal.whole_files import write_whole

CARD_FORM = "dao-agent-card/1"
FOLDER = "card"
_MEANING = {
    "proposal": "reasons that stand for a whole proposal",
    "section": "reasons that stand for one section or row",
}


def write_card(cut: Path) -> Path:
    """Write the card of a cut; return the folder it lies in."""
    try:
        manifest = json.loads((cut / "manifest.json").read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise InputError("is no data cut: it has no manifest.json", where=str(cut), fix="check the path") from None
    data = card_data(cut, manifest)
    folder = cut / FOLDER
    plots = draw_all(data, folder)
    write_whole(folder / "card.json", (json.dumps(data, ensure_ascii=False, indent=1) + "\n").encode())
    write_whole(folder / "card.md", "\n".join(markdown(data, plots)).encode())
    return folder


def card_data(cut: Path, manifest: Mapping[str, Any]) -> dict[str, Any]:
    """Return what the card says, as JSON-compatible data."""
    sources = defaultdict[str, Counter[str]](Counter)
    for source in _lines(cut / SOURCES_FILE):
        sources["side"][source["side"] or f"none ({source['why']})"] += 1
        for column in ("dao", "licence", "outcome"):
            sources[column][source[column] or "–"] += 1
    dropped = defaultdict[str, Counter[str]](Counter)
    for drop in _lines(cut / DROPPED_FILE):
        dropped["section" if drop["section"] else "proposal"][drop["reason"]] += 1
    names = ("id", "created_at", "software", "code", "policy", "split", "inputs", "masked", "tokenizer", "rows",
             "rows_by_side", "lengths", "longest", "leakage", "inversion", "licences", "read")  # fmt: skip
    return {
        "form": CARD_FORM,
        "name": cut.resolve().name,
        **{name: manifest[name] for name in names},
        **{name: manifest.get(name, {}) for name in (f"rows_by_{what}" for what in
           ("dao", "language", "outcome", "licence", "section"))},
        "sources": {name: dict(sorted(counts.items())) for name, counts in sorted(sources.items())},
        "dropped": {what: dict(counts.most_common()) for what, counts in sorted(dropped.items())},
    }  # fmt: skip


def _lines(path: Path) -> Iterator[dict[str, Any]]:
    with path.open(encoding="utf-8") as lines:
        for line in lines:
            yield json.loads(line)


def markdown(data: Mapping[str, Any], plots: Mapping[str, str]) -> Iterator[str]:
    """Yield the lines of the card."""
    yield f"# Data card: {data['name']}\n"
    yield f"Built {data['created_at']} by {data['software']} (code {data['code']}). Cut id `{data['id']}`: the hash of"
    yield "every row, drop and input. `card.json` has the same figures.\n"
    yield from _rows(data)
    yield "## Sources\n"
    yield from table(["input", "records", "left out while reading"], [
        [name, counts["records"], counts["dropped"]] for name, counts in data["read"].items()])  # fmt: skip
    for name, title in (("dao", "DAO"), ("outcome", "outcome"), ("language", "language")):
        yield f"## Rows by {title}\n"
        yield f"![rows by {title}]({plots[name]})\n" if name in plots else ""
        yield from _crossed(data[f"rows_by_{name}"], title)
    yield from _lengths(data, plots)
    yield from _drops(data, plots)
    yield from _licences(data)
    yield from _checks(data)


def _rows(data: Mapping[str, Any]) -> Iterator[str]:
    yield "## Rows\n"
    sides = list(data["rows_by_side"])
    rows = [[f"`{method}`", *(data["rows_by_side"][side][method] for side in sides)] for method in data["rows"]]
    yield from table(["row set", *sides], rows)
    yield "Only `train` lies at the top of the cut; the other sides have folders of their names.\n"
    if data["sources"]:
        yield "Published proposals by side: " + _listed(data["sources"]["side"]) + ".\n"
    found = data["inversion"]
    if found:
        share = found["inverted"] / found["proposals"] if found["proposals"] else 0
        yield (
            f"Inversion yield: {found['inverted']:,} of {found['proposals']:,} usable proposals ({share:.1%}) gave a "
            f"section that comes back exactly from its slots; {found['sections']:,} sections, {found['lost']:,} lost.\n"
        )


def _crossed(counts: Mapping[str, Mapping[str, int]], title: str) -> Iterator[str]:
    """Yield a table of values by row set, the most frequent first."""
    total: Counter[str] = Counter()
    for values in counts.values():
        total.update(values)
    methods = list(counts)
    rows = [[value, *(counts[method].get(value, 0) for method in methods)] for value, _ in total.most_common()]
    yield from table([title, *methods], rows)


def _lengths(data: Mapping[str, Any], plots: Mapping[str, str]) -> Iterator[str]:
    yield "## Lengths\n"
    if data["tokenizer"]:
        yield f"Tokens by {data['tokenizer']}: the prompt under its chat template, the answer behind it with its end.\n"
    else:
        yield "No tokenizer was given, so lengths are in characters: build with `--tokenizer FOLDER` for tokens.\n"
    yield f"![lengths]({plots['lengths']})\n" if "lengths" in plots else ""
    heads = ["rows", "min", "p5", "p25", "p50", "p75", "p95", "p99", "max"]
    spans = [
        [f"`{method}`", what, *(values[head] for head in heads)]
        for method, kinds in data["lengths"].items()
        for what, values in kinds.items()
    ]
    yield from table(["row set", "of", *heads], spans)
    trained = [kinds["trained"]["min"] for kinds in data["lengths"].values() if "trained" in kinds]
    if trained:
        yield f"Fewest trained tokens of a row: {min(trained)}. Row sets without `trained` have no answer to learn.\n"
    yield "### Longest rows\n"
    for method, items in data["longest"].items():
        unit = "tokens" if data["tokenizer"] else "characters"
        yield f"`{method}.jsonl`:\n"
        rows = [[item["row"], item[unit], item["source"], item["section"]] for item in items]
        yield from table(["line", unit, "source", "section"], rows)


def _drops(data: Mapping[str, Any], plots: Mapping[str, str]) -> Iterator[str]:
    yield "## Drops\n"
    yield "Each stands with its id and detail in `dropped.jsonl`.\n"
    yield f"![drops]({plots['dropped']})\n" if "dropped" in plots else ""
    for what, counts in data["dropped"].items():
        yield f"By {_MEANING[what]}:\n"
        yield from table(["reason", "drops"], list(counts.items()))


def _licences(data: Mapping[str, Any]) -> Iterator[str]:
    yield "## Licences\n"
    methods = list(data["rows_by_licence"])
    names = sorted({name for counts in data["rows_by_licence"].values() for name in counts} | set(data["licences"]))
    rows = [
        [name, data["licences"].get(name, "–"), *(data["rows_by_licence"][m].get(name, 0) for m in methods)]
        for name in names
    ]
    yield from table(["licence", "proposals read", *(f"rows of `{method}`" for method in methods)], rows)
    yield "`own`: cases and reviews of this project. `sources.jsonl` has licence and address of every proposal.\n"


def _checks(data: Mapping[str, Any]) -> Iterator[str]:
    yield "## Leakage\n"
    words = {
        "exact": "learnt texts that stand on another side too",
        "near": "learnt texts that share so many n-grams with one of another side",
        "held_out": "rows of held-out DAOs and days outside the held-out side",
        "later": "items of evidence dated after their proposal",
        "outcome": "rows that tell what became of their proposal",
    }
    found = data["leakage"]
    yield from table(["what", "found"], [[text, found[name]] for name, text in words.items()])
    yield f"Compared: {found['texts']:,} learnt texts of all sides. Total: **{found['total']}**.\n"
    yield "Personal data masked while reading: " + (_listed(data["masked"]) or "none found") + ".\n"


def _listed(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{number:,} {name}" for name, number in counts.items())


def table(heads: Sequence[str], rows: Iterable[Sequence[Any]]) -> Iterator[str]:
    """Yield a Markdown table, or that there is nothing to show."""
    shown = [[_cell(value) for value in row] for row in rows]
    if not shown:
        yield "None.\n"
        return
    yield f"| {' | '.join(heads)} |"
    yield f"|{'---|' * len(heads)}"
    yield from (f"| {' | '.join(row)} |" for row in shown)
    yield ""


def _cell(value: Any) -> str:
    return f"{value:,}" if isinstance(value, int) else str(value).replace("|", "\\|")


def main(argv: Sequence[str] | None = None) -> int:
    """Write the card of the cut that is named; return the exit code."""
    arguments = sys.argv[1:] if argv is None else argv
    try:
        if len(arguments) != 1:
            raise InputError("give one folder of a cut", where="data_prep.card", fix="python -m data_prep.card FOLDER")
        sys.stdout.write(f"{write_card(Path(arguments[0])) / 'card.md'}\n")
    except ModuleNotFoundError as error:
        sys.stderr.write(f"{missing_package(error)}\n")
        return 6
    except AgentError as error:
        sys.stderr.write(f"{error}\n")
        return error.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main())
