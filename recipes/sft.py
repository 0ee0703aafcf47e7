"""Teach a model to write sections with slots (supervised fine-tuning), by ms-swift.

    python recipes/sft.py recipes/configs/sft.yaml [key=value …] [--dry-run] [--resume last]
    swift sft recipes/configs/sft.yaml                 # the same run without our checks and record

The answer of each row is learnt; figures stand in it as slots.

Tested  tiny model and SmolLM2-135M on 2 CPU cores (smoke_sft.yaml, sft.yaml), SmolLM2-135M on an H100 (sft_gpu.yaml)
Memory  3 GB for SmolLM2-135M; larger ones not measured
Expect  sft: losses of 1.3 to 4 by row at the start

All problems are listed before anything is loaded; docs/training.md says what is checked.
"""

from __future__ import annotations

import sys
from pathlib import Path

if not __package__:  # run as a file: import our packages, not the files beside this one
    sys.path[0] = str(Path(__file__).resolve().parent.parent)

from recipes.launch import main
from recipes.recipe import SFT

if __name__ == "__main__":
    sys.exit(main(SFT, __doc__ or ""))
