"""Build a tiny Qwen3 with random weights and a tokenizer of its own, for runs that prove the line
and teach nothing.

    .venv-model/bin/python -m recipes.tiny_model runs/tiny-qwen3 data/cuts/examples/sft.jsonl

No hub is asked. The tokenizer is a byte-level BPE learnt from the texts given, so every byte has a
token and a smoke run meets the same kinds of rows as a real one; the chat template is plain ChatML,
as the recipe's `template: chatml`.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

VOCABULARY = 1_024
CHATML = (
    "{% for message in messages %}"
    "{{ '<|im_start|>' + message['role'] + '\\n' + message['content'] + '<|im_end|>\\n' }}"
    "{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}"
)


def build_tiny_model(folder: Path, texts: Sequence[str], *, seed: int = 7, positions: int = 4_096) -> Path:
    """Write model and tokenizer into the folder as a normal checkpoint; equal arguments give equal
    weights.
    """
    import torch
    from transformers import Qwen3Config, Qwen3ForCausalLM

    tokenizer = _tokenizer(texts)
    torch.manual_seed(seed)
    config = Qwen3Config(
        vocab_size=len(tokenizer),
        hidden_size=64,
        intermediate_size=128,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        head_dim=16,
        max_position_embeddings=positions,
        tie_word_embeddings=True,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
        bos_token_id=None,
    )
    model = Qwen3ForCausalLM(config).to(torch.float32)
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def _tokenizer(texts: Sequence[str]) -> Any:
    from tokenizers import (
        Tokenizer,
        decoders,
        models,
        pre_tokenizers,
        trainers,
    )
    from transformers import PreTrainedTokenizerFast

    bpe = Tokenizer(models.BPE())
    bpe.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    bpe.decoder = decoders.ByteLevel()
    special = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]
    trainer = trainers.BpeTrainer(
        vocab_size=VOCABULARY,
        special_tokens=special,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    bpe.train_from_iterator(texts, trainer)
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=bpe,
        eos_token="<|im_end|>",
        pad_token="<|endoftext|>",
        additional_special_tokens=special[1:2],
    )
    tokenizer.chat_template = CHATML
    return tokenizer


def texts_of(rows: Path) -> Iterator[str]:
    """Yield the text of every turn in a JSON Lines file of rows."""
    with rows.open(encoding="utf-8") as lines:
        for line in lines:
            yield from (turn["content"] for turn in json.loads(line)["messages"])


if __name__ == "__main__":
    target, source = Path(sys.argv[1]), Path(sys.argv[2])
    build_tiny_model(target, list(texts_of(source)))
    sys.stdout.write(f"{target}: a tiny Qwen3 with random weights\n")
