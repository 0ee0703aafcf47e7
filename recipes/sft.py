"""Teach a model to write sections with slots (supervised fine-tuning), by ms-swift.

    python recipes/sft.py recipes/configs/sft.yaml [key=value …] [--dry-run] [--resume last]

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
