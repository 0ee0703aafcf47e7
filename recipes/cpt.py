"""Go on with pre-training on governance text (CPT), by ms-swift.

    python recipes/cpt.py recipes/configs/cpt.yaml [key=value …] [--dry-run] [--resume last]
    swift pt recipes/configs/cpt.yaml                 # the same run without our checks and record

Every token is learnt, without a chat template; rows are {"messages": [{"role": "assistant", "content": text}]}.

Tested  tiny model on 2 CPU cores (smoke_cpt.yaml); never on a GPU
Memory  under 1 GB for the tiny model; larger ones not measured
Expect  smoke_cpt: a first loss near 6.9, the logarithm of 1,024 tokens

All problems are listed before anything is loaded; docs/training.md says what is checked.
"""

from __future__ import annotations

import sys
from pathlib import Path

if not __package__:  # run as a file: import our packages, not the files beside this one
    sys.path[0] = str(Path(__file__).resolve().parent.parent)

from recipes.launch import main
from recipes.recipe import CPT

if __name__ == "__main__":
    sys.exit(main(CPT, __doc__ or ""))
