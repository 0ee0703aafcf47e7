"""Build a tiny Qwen3, or Qwen3-VL, with random weights and a tokenizer of its own, for runs that prove the line
and teach nothing.

    .venv-model/bin/python -m recipes.tiny_model runs/models/tiny-qwen3 data/cuts/examples/sft.jsonl
    .venv-model/bin/python -m recipes.tiny_model --vision runs/models/tiny-qwen3-vl data/cuts/examples/sft.jsonl

No hub is asked. The tokenizer is a byte-level BPE learnt from the texts given, so every byte has a
token and a smoke run meets the same kinds of rows as a real one; the chat template is plain ChatML,
as the recipe's `template: chatml`.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

VOCABULARY = 1_024
CHATML = (
    "{% for message in messages %}"
    "{{ '<|im_start|>' + message['role'] + '\\n' + message['content'] + '<|im_end|>\\n' }}"
    "{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}"
)


SEES = (
    "{% for message in messages %}{{ '<|im_start|>' + message['role'] + '\\n' }}"
    "{% if message['content'] is string %}{{ message['content'] }}{% else %}{% for part in message['content'] %}"
    "{{ '<|vision_start|><|image_pad|><|vision_end|>' if part['type'] == 'image' else part['text'] }}"
    "{% endfor %}{% endif %}{{ '<|im_end|>\\n' }}"
    "{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}"
)
VISION_IDS = {
    "<|vision_start|>": 151_652,
    "<|vision_end|>": 151_653,
    "<|vision_pad|>": 151_654,
    "<|image_pad|>": 151_655,
    "<|video_pad|>": 151_656,
}
"""Qwen's own numbers: ms-swift's template has the image's written in it, so a vocabulary of ours has to leave a gap."""


def build_tiny_model(folder: Path, texts: Sequence[str], *, seed: int = 7, positions: int = 4_096) -> Path:
    """Write model and tokenizer into the folder as a normal checkpoint; equal arguments give equal
    weights.
    """
    import torch
    from transformers import Qwen3Config, Qwen3ForCausalLM

    tokenizer = learn_tokenizer(texts)
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


def build_tiny_vision_model(folder: Path, texts: Sequence[str], *, seed: int = 7, positions: int = 4_096) -> Path:
    """Write a Qwen3-VL of five million weights with its processor; an image of 128 by 128 pixels is 16 tokens of it."""
    import torch
    from transformers import Qwen3VLConfig, Qwen3VLForConditionalGeneration

    tokenizer = learn_tokenizer(texts, VISION_IDS)
    tokenizer.chat_template = SEES
    torch.manual_seed(seed)
    text = {
        "vocab_size": max(VISION_IDS.values()) + 1,
        "hidden_size": 32,
        "intermediate_size": 64,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
        "head_dim": 32,
        "max_position_embeddings": positions,
        "tie_word_embeddings": True,
        "rope_scaling": {"rope_type": "default", "mrope_section": [6, 5, 5], "mrope_interleaved": True},
        "eos_token_id": tokenizer.eos_token_id,
        "pad_token_id": tokenizer.pad_token_id,
        "bos_token_id": None,
    }
    vision = {
        "depth": 2,
        "hidden_size": 64,
        "intermediate_size": 64,
        "num_heads": 4,
        "patch_size": 16,
        "spatial_merge_size": 2,
        "out_hidden_size": 32,
        "deepstack_visual_indexes": [0],
        "num_position_embeddings": 256,
    }
    ids = {
        f"{name}_token_id": VISION_IDS[token]
        for name, token in (("image", "<|image_pad|>"), ("video", "<|video_pad|>"),
                            ("vision_start", "<|vision_start|>"), ("vision_end", "<|vision_end|>"))
    }  # fmt: skip
    config = Qwen3VLConfig(text_config=text, vision_config=vision, tie_word_embeddings=True, **ids)
    Qwen3VLForConditionalGeneration(config).to(torch.float32).save_pretrained(folder)
    write_processor(tokenizer, folder)
    return folder


def write_processor(tokenizer: Any, folder: Path) -> None:
    """Write what prepares pictures and text for a Qwen3-VL into its folder."""
    from transformers import Qwen2VLImageProcessor, Qwen3VLProcessor, Qwen3VLVideoProcessor

    Qwen3VLProcessor(
        image_processor=Qwen2VLImageProcessor(patch_size=16, merge_size=2),
        tokenizer=tokenizer,
        video_processor=Qwen3VLVideoProcessor(),
        chat_template=SEES,
    ).save_pretrained(folder)


def learn_tokenizer(texts: Sequence[str], at: Mapping[str, int] | None = None) -> Any:
    """Learn a byte-level BPE from the texts; `at` are further special tokens with the numbers they have to have."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
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
    if at:
        described = json.loads(bpe.to_str())
        described["model"]["vocab"].update(at)
        bpe = Tokenizer.from_str(json.dumps(described))
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=bpe,
        eos_token="<|im_end|>",
        pad_token="<|endoftext|>",
        additional_special_tokens=[special[1], *(at or ())],
    )
    tokenizer.chat_template = CHATML
    return tokenizer


def texts_of(rows: Path) -> Iterator[str]:
    """Yield the text of every turn in a JSON Lines file of rows."""
    with rows.open(encoding="utf-8") as lines:
        for line in lines:
            yield from (turn["content"] for turn in json.loads(line)["messages"])


if __name__ == "__main__":
    words = [word for word in sys.argv[1:] if word != "--vision"]
    target, source = map(Path, words)
    make = build_tiny_vision_model if "--vision" in sys.argv else build_tiny_model
    make(target, list(texts_of(source)))
    sys.stdout.write(f"{target}: a tiny Qwen3 with random weights\n")
