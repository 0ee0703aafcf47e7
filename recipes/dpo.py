"""Teach a model to prefer good sections to bad ones (DPO), by ms-swift.

    python recipes/dpo.py recipes/configs/smoke_dpo.yaml [key=value …] [--dry-run] [--resume last]

All problems are listed before anything is loaded; docs/training.md says what is checked.
"""

from __future__ import annotations

import sys
from pathlib import Path

if not __package__:  # run as a file: import our packages, not the files beside this one
    sys.path[0] = str(Path(__file__).resolve().parent.parent)

from recipes.launch import main
from recipes.recipe import DPO

if __name__ == "__main__":
    sys.exit(main(DPO, __doc__ or ""))
