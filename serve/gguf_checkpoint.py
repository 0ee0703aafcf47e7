"""Turn a GGUF file into a Hugging Face checkpoint in bfloat16.

    .venv-model/bin/python -P serve/gguf_checkpoint.py MODEL.gguf FOLDER

Run as a script by `serve.model_files` with the model environment's Python, so that whoever asks needs no torch.
The weights are dequantised, because transformers cannot save packed ones; bfloat16 is what vLLM serves, and
rounding here gives the same bits as rounding there at half the disk space.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path


def convert(gguf: Path, folder: Path) -> None:
    """Write weights, configuration, tokenizer and chat template of `gguf` to `folder`."""
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer, GgufConfig

    model = AutoModelForCausalLM.from_pretrained(
        gguf.parent,
        gguf_file=gguf.name,
        dtype=torch.bfloat16,
        quantization_config=GgufConfig(dequantize=True),
    )
    model.save_pretrained(folder)
    AutoTokenizer.from_pretrained(gguf.parent, gguf_file=gguf.name).save_pretrained(folder)


if __name__ == "__main__":
    os.environ["HF_HUB_OFFLINE"] = "1"
    convert(Path(sys.argv[1]), Path(sys.argv[2]))
