"""Train the writer against our rewards (GRPO; also RLOO, DAPO, Dr.GRPO, GSPO, GDPO, CHORD by its keys), by ms-swift.

    python recipes/grpo.py recipes/configs/grpo.yaml [key=value …] [--dry-run] [--resume last]
    swift rlhf recipes/configs/grpo.yaml                 # the same run without our checks and record

Rows hold a prompt and the dao_* columns that the rewards read.

Tested  tiny model and SmolLM2-135M on 2 CPU cores (smoke_grpo.yaml, grpo.yaml), SmolLM2-135M on an H100 (grpo_gpu.yaml)
Memory  under 1 GB for the tiny model; larger ones not measured
Expect  smoke_grpo: rewards near 0 from random weights, each of them called

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
