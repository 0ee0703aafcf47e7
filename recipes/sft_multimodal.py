"""Teach a vision model to read a chart and write what follows from it, by ms-swift.

    python recipes/sft_multimodal.py recipes/configs/sft_multimodal_qwen3vl.yaml [key=value …] [--dry-run]
    swift sft recipes/configs/sft_multimodal_qwen3vl.yaml                 # the same run without our checks and record

Rows hold one <image> for each path in "images"; the vision tower stays frozen (freeze_vit is true by default).

Tested  tiny random Qwen3-VL on 2 CPU cores (smoke_sft_multimodal.yaml); never on a GPU
Memory  under 1 GB for the tiny model; larger ones not measured
Expect  smoke_sft_multimodal: a finite loss that falls; a real Qwen3-VL is not measured

All problems are listed before anything is loaded; docs/training.md says what is checked.
"""

from __future__ import annotations

import sys
from pathlib import Path

if not __package__:  # run as a file: import our packages, not the files beside this one
    sys.path[0] = str(Path(__file__).resolve().parent.parent)

from recipes.launch import main
from recipes.recipe import SFT_MULTIMODAL

if __name__ == "__main__":
    sys.exit(main(SFT_MULTIMODAL, __doc__ or ""))
