"""Teach a model which of two drafts is better (DPO; also ORPO and SimPO by rlhf_type), by ms-swift.

    python recipes/dpo.py recipes/configs/dpo.yaml [key=value …] [--dry-run] [--resume last]
    swift rlhf recipes/configs/dpo.yaml                 # the same run without our checks and record

Rows hold the better draft in "messages" and the other in "rejected_response".

Tested  tiny model on 2 CPU cores (smoke_dpo.yaml); never on a GPU
Memory  under 1 GB for the tiny model; larger ones not measured
Expect  smoke_dpo: a first loss of 0.693, the logarithm of 2

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
