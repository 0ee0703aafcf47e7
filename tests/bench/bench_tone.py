"""Measure the wording that the reward on tone finds: precision, recall and false alarms, per language.

    python -m tests.bench.bench_tone                          # the labelled sentences of tests/cases/tone
    python -m tests.bench.bench_tone --data ../shared/data    # and sentences of DAOs that nothing was trained on
    python -m tests.bench.bench_tone --show                   # print what was missed or wrongly found

A sentence counts as found from a severity of `rewards.tone.NOT_NEUTRAL` (all layers together). Sentences of real
proposals are not labelled, so for them only the share that is found is printed: it holds real finds too and bounds the
false alarms from above.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml

from rewards.tone import NOT_NEUTRAL, sentence_severity
from rewards.tone_training import HELD_OUT, sentences_of

CASES = Path(__file__).parents[1] / "cases" / "tone"


def labelled() -> dict[str, tuple[list[str], list[str]]]:
    """Return the loaded and the neutral sentences of each labelled set."""
    sets: dict[str, Any] = {}
    for path in sorted(CASES.glob("*.yaml")):
        data = yaml.safe_load(path.read_text(encoding="utf-8"))
        parts = {"": data} if "loaded" in data else data
        sets.update({f"{path.stem} {key}".strip(): part for key, part in parts.items()})
    return {name: (part["loaded"], part["neutral"]) for name, part in sets.items()}


def is_found(sentence: str) -> bool:
    """Tell whether the sentence counts as loaded."""
    return sentence_severity(sentence) >= NOT_NEUTRAL


def main(arguments: Sequence[str]) -> int:
    """Print the figures."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.bench_tone")
    parser.add_argument("--data", type=Path, help="folder with proposals/*.jsonl")
    parser.add_argument("--show", action="store_true")
    options = parser.parse_args(arguments)
    sys.stdout.write(f"{'set':20} {'loaded found':>14} {'neutral found':>14} {'recall':>7} {'precision':>9}\n")
    for name, (loaded, neutral) in labelled().items():
        missed = [text for text in loaded if not is_found(text)]
        wrong = [text for text in neutral if is_found(text)]
        right = len(loaded) - len(missed)
        recall = f"{right / len(loaded):.2f}" if loaded else "–"
        precision = f"{right / (right + len(wrong)):.2f}" if right + len(wrong) else "–"
        sys.stdout.write(
            f"{name:20} {f'{right} of {len(loaded)}':>14} {f'{len(wrong)} of {len(neutral)}':>14} "
            f"{recall:>7} {precision:>9}\n"
        )
        if options.show:
            sys.stdout.write("".join(f"    missed: {text}\n" for text in missed))
            sys.stdout.write("".join(f"    wrongly found: {text}\n" for text in wrong))
    for name in HELD_OUT if options.data else ():
        texts = sentences_of(options.data / "proposals" / f"{name}.jsonl", limit=1_000, seed=3)
        found = [text for text in texts if is_found(text)]
        sys.stdout.write(f"{name}: {len(found)} of {len(texts)} sentences found ({len(found) / len(texts):.1%})\n")
        if options.show:
            sys.stdout.write("".join(f"    found: {text}\n" for text in found))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
