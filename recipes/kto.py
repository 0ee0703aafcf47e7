"""Teach a model what committees approved and refused (KTO), by ms-swift.

    python recipes/kto.py recipes/configs/kto.yaml [key=value …] [--dry-run] [--resume last]
    swift rlhf recipes/configs/kto.yaml                 # the same run without our checks and record

Rows hold one draft and a "label", true or false; both kinds have to occur, two rows a device at least.

Tested  tiny model on 2 CPU cores (smoke_kto.yaml); never on a GPU
Memory  under 1 GB for the tiny model; larger ones not measured
Expect  smoke_kto: a first loss of 0.5, policy and reference being the same model

All problems are listed before anything is loaded; docs/training.md says what is checked.
"""

from __future__ import annotations

import sys
from pathlib import Path

if not __package__:  # run as a file: import our packages, not the files beside this one
    sys.path[0] = str(Path(__file__).resolve().parent.parent)

from recipes.launch import main
from recipes.recipe import KTO

if __name__ == "__main__":
    sys.exit(main(KTO, __doc__ or ""))
