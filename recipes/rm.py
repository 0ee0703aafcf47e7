"""Train a reward model that scores drafts by the committees' choices, by ms-swift.

    python recipes/rm.py recipes/configs/rm_qwen3.yaml [key=value …] [--dry-run] [--resume last]
    swift rlhf recipes/configs/rm_qwen3.yaml                 # the same run without our checks and record

Rows are those of DPO, with an optional "margin"; the model gets a head with one value.

Tested  tiny model on 2 CPU cores (smoke_rm.yaml); never on a GPU
Memory  under 1 GB for the tiny model; larger ones not measured
Expect  smoke_rm: a first loss near 0.69, as no draft is preferred yet

All problems are listed before anything is loaded; docs/training.md says what is checked.
"""

from __future__ import annotations

import sys
from pathlib import Path

if not __package__:  # run as a file: import our packages, not the files beside this one
    sys.path[0] = str(Path(__file__).resolve().parent.parent)

from recipes.launch import main
from recipes.recipe import RM

if __name__ == "__main__":
    sys.exit(main(RM, __doc__ or ""))
