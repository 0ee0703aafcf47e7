"""Train the writer against our rewards (GRPO), by ms-swift.

    python recipes/grpo.py recipes/configs/grpo.yaml [key=value …] [--dry-run] [--resume last]

All problems are listed before anything is loaded; docs/training.md says what is checked.
"""

from __future__ import annotations

import sys
from pathlib import Path

if not __package__:  # run as a file: import our packages, not the files beside this one
    sys.path[0] = str(Path(__file__).resolve().parent.parent)

from recipes.launch import main
from recipes.recipe import GRPO

if __name__ == "__main__":
    sys.exit(main(GRPO, __doc__ or ""))
