"""Rows for smoke runs of the methods that the example cases have none for: judged texts, and pictures with a question.

    .venv-model/bin/python -m recipes.smoke_rows data/cuts/examples/dpo.jsonl data/cuts/smoke

A pair becomes two judged texts, the better one wanted. The pictures are bars of three colours with no meaning: what is
proved is that images reach the model, nothing is learnt from them. Real charts with their truth: data_prep.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

SIDE = 128
COLOURS = ("red", "green", "blue")
SYSTEM = "You read charts for a governance committee."


def judged(pairs: Iterable[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """Yield each different text of preference pairs as a row of its own with its label."""
    seen: set[str] = set()
    for pair in pairs:
        *prompt, answer = pair["messages"]
        for text, label in ((answer["content"], True), (pair["rejected_response"], False)):
            if text not in seen:
                seen.add(text)
                yield {"messages": [*prompt, {"role": "assistant", "content": text}], "label": label}


def pictures(folder: Path, count: int = 6) -> Iterator[dict[str, Any]]:
    """Draw pictures of three bars into the folder; yield the question and answer of each."""
    from PIL import Image, ImageDraw

    folder.mkdir(parents=True, exist_ok=True)
    for number in range(count):
        heights = [20 + (number * step) % 90 for step in (37, 53, 71)]
        picture = Image.new("RGB", (SIDE, SIDE), "white")
        for place, (colour, height) in enumerate(zip(COLOURS, heights, strict=True)):
            left = 12 + place * 38
            ImageDraw.Draw(picture).rectangle((left, SIDE - height, left + 26, SIDE), fill=colour)
        path = folder / f"bars-{number}.png"
        picture.save(path)
        tallest = COLOURS[heights.index(max(heights))]
        turns = (("system", SYSTEM), ("user", "<image>Which bar is the tallest?"), ("assistant", f"The {tallest} one."))
        yield {
            "messages": [{"role": role, "content": content} for role, content in turns],
            "images": [str(path)],
        }


def write_smoke_rows(pairs: Path, out: Path) -> Path:
    """Write `kto.jsonl` from a file of pairs, and `sft_multimodal.jsonl` with its pictures."""
    out.mkdir(parents=True, exist_ok=True)
    with pairs.open(encoding="utf-8") as lines:
        _write(out / "kto.jsonl", judged(map(json.loads, lines)))
    _write(out / "sft_multimodal.jsonl", pictures(out / "images"))
    return out


def _write(path: Path, rows: Iterable[dict[str, Any]]) -> None:
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")


if __name__ == "__main__":
    target = write_smoke_rows(Path(sys.argv[1]), Path(sys.argv[2]))
    sys.stdout.write(f"{target}: kto.jsonl and sft_multimodal.jsonl\n")
