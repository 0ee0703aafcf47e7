"""Merge a LoRA adapter into a checkpoint, in float32.

    .venv-model/bin/python -P serve/merge_adapter.py BASE ADAPTER FOLDER

Run as a script by `serve.aligned_model` with the model environment's Python, so that whoever asks needs no torch. An
adapter with a value that is not finite is refused: served, it would answer with nothing.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path


def merge(base: Path, adapter: Path, folder: Path) -> None:
    """Write `base` with `adapter` added to its weights to `folder`, with the base's tokenizer and chat template."""
    import torch
    from peft import PeftModel
    from transformers import AutoModelForCausalLM, AutoTokenizer

    model = AutoModelForCausalLM.from_pretrained(base, dtype=torch.float32)
    tuned = PeftModel.from_pretrained(model, adapter)
    broken = [name for name, weight in tuned.named_parameters() if not bool(torch.isfinite(weight).all())]
    if broken:
        raise SystemExit(f"{adapter}: {len(broken)} tensors hold values that are not finite, the first is {broken[0]}")
    tuned.merge_and_unload().save_pretrained(folder)
    AutoTokenizer.from_pretrained(base).save_pretrained(folder)


if __name__ == "__main__":
    os.environ["HF_HUB_OFFLINE"] = "1"
    merge(*map(Path, sys.argv[1:]))
