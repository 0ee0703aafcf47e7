"""Folders of chart rows: made-up or given series drawn for training, and real figures for evaluation.

    dao-agent data charts --out charts --count 500 --seed 7

A folder holds `sft_multimodal.jsonl`, the pictures its rows name, `dropped.jsonl`, and a manifest with what the bytes
depend on: seed, versions, font. Real figures go into `chart_evaluation.jsonl` and are never training rows.
"""

from __future__ import annotations

import importlib.metadata
import json
import os
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from data_prep.chart_fonts import cjk_font
from data_prep.chart_rows import IMAGE_FOLDER, Picture, chart_rows
from data_prep.faults import Fault
from data_prep.images import PIXEL_BUDGET, clean_image
from data_prep.reading import read_rows
from data_prep.records import Drop, FigureRow, Message, Row
from data_prep.series import ChartData
from proposal.chart_reading import chart_messages
from proposal.errors import InputError
from proposal.hashing import canonical_json, sha256_bytes
from proposal.values import Language

CHARTS_FORM = "dao-agent-charts/1"
ROWS_FILE = "sft_multimodal.jsonl"
FIGURES_FILE = "chart_evaluation.jsonl"
_VERSIONS = ("matplotlib", "numpy", "pillow")

Progress = Callable[[int], None]


def write_charts(
    charts: Iterable[ChartData], out: Path, *, languages: Sequence[Language], seed: int, progress: Progress
) -> dict[str, int]:
    """Draw charts, the languages in turn, and write their rows; return rows and drops by kind."""

    def drawn() -> Iterator[Row | Drop | Picture]:
        for number, data in enumerate(charts):
            yield from chart_rows(data, language=languages[number % len(languages)], seed=seed)
            progress(number + 1)

    counts = write_rows(drawn(), out, ROWS_FILE)
    font = cjk_font() if "zh" in languages else None
    manifest = {
        "form": CHARTS_FORM,
        "seed": seed,
        "languages": list(languages),
        "pixel_budget": PIXEL_BUDGET,
        "versions": {name: importlib.metadata.version(name) for name in _VERSIONS},
        "font": {"family": font.family, "sha256": sha256_bytes(font.path.read_bytes())} if font else None,
        "rows_sha256": sha256_bytes((out / ROWS_FILE).read_bytes()),
        "counts": dict(sorted(counts.items())),
    }
    (out / "manifest.json").write_text(json.dumps(manifest, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    return counts


def write_figures(charts_file: Path, out: Path) -> dict[str, int]:
    """Write the evaluation rows of real figures; a figure that is not here or cannot be decoded is a counted drop."""
    return write_rows(figure_rows(charts_file), out, FIGURES_FILE)


def figure_rows(charts_file: Path) -> Iterator[Row | Drop | Picture]:
    """Read figures with the text around them (`image`, `context_before`, `context_after`, `proposal_id`)."""
    for item in read_rows(charts_file):
        if isinstance(item, Fault):
            raise InputError(item.message, where=f"{item.file}:{item.line}", fix=item.fix)
        source = str(item.data.get("proposal_id") or f"row {item.number}")
        name = item.data.get("image")
        path = charts_file.parent / str(name)
        if not name or not path.is_file():
            yield Drop("no-picture", source, "sft_multimodal", "figure", "the picture is not here")
            continue
        try:
            data = clean_image(path.read_bytes(), where=str(path))
        except InputError as error:
            yield Drop("no-picture", source, "sft_multimodal", "figure", error.message)
            continue
        picture = Picture(f"{IMAGE_FOLDER}/{sha256_bytes(data)[:24]}.png", data)
        yield picture
        yield _figure_row(item.data, source, picture)


_DESCRIBE = "Describe this figure for a proposal in at most three sentences: what it shows, and how that changes."


def _figure_row(data: dict[str, Any], source: str, picture: Picture) -> FigureRow:
    around = {"alt": data.get("alt"), "before": data.get("context_before"), "after": data.get("context_after")}
    turns = chart_messages(_DESCRIBE, "en")
    return FigureRow(
        messages=tuple(Message.model_validate(turn) for turn in turns),
        images=(picture.path,),
        dao_source=source,
        dao_section="figure",
        dao_template="",
        dao_around_json=canonical_json(around),
    )


def write_rows(items: Iterable[Row | Drop | Picture], out: Path, name: str) -> dict[str, int]:
    """Write rows, drops and pictures below a folder; the files of rows appear whole or not at all."""
    (out / IMAGE_FOLDER).mkdir(parents=True, exist_ok=True)
    counts: Counter[str] = Counter()
    partial = out / f".{name}.{os.getpid()}"
    drops: list[Drop] = []
    with partial.open("w", encoding="utf-8") as lines:
        for item in items:
            if isinstance(item, Picture):
                (out / item.path).write_bytes(item.data)
                counts["pictures"] += 1
            elif isinstance(item, Drop):
                drops.append(item)
                counts[f"dropped:{item.reason}"] += 1
            else:
                lines.write(json.dumps(item.model_dump(mode="json"), ensure_ascii=False) + "\n")
                counts[item.dao_section] += 1
    dropped = "".join(json.dumps(asdict(drop), ensure_ascii=False) + "\n" for drop in drops)
    (out / f"{Path(name).stem}.dropped.jsonl").write_text(dropped, encoding="utf-8")
    partial.replace(out / name)
    return dict(counts)
