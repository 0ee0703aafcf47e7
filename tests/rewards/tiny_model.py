"""A tiny Qwen3 with random weights whose words are whole sentences, made on the spot: no hub, no download.

A random model of ordinary tokens writes gibberish, for which every reward is 0. With sentences as tokens, random
sampling gives drafts of every quality, so that rewards differ within a group and training can move them.
"""

from __future__ import annotations

import re
from pathlib import Path

from tests.rewards.drafts import WHOLE_EN

BAD = (
    "Obviously every rational voter supports this revolutionary plan!",
    "Creator sales rose to 999,999 USDC [[E77]].",
    "The turnout was ninety-nine percent [[E1]].",
    "Guaranteed returns await every holder of the token.",
    "This section explains the plan [[E2]].",
    "The text goes on.",
)
CHAT_TEMPLATE = (
    "{% for message in messages %}<|im_start|>{{ message['role'] }}\n{{ message['content'] }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)


def sentences() -> list[str]:
    """Return the vocabulary: the sentences of an honest motivation, and bad ones, each with a space behind it."""
    motivation = WHOLE_EN.split("## Motivation\n\n")[1].split("\n\n##")[0]
    return [sentence + " " for sentence in (*re.split(r"(?<=\]\]\.) ", motivation), *BAD)]


def write_tiny_model(folder: Path) -> Path:
    """Write configuration, weights and tokenizer of the tiny model."""
    import torch
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast, Qwen3Config, Qwen3ForCausalLM

    special = ["<unk>", "<|endoftext|>", "<|im_start|>", "<|im_end|>", "system", "user", "assistant", "\n"]
    words = [*special, *sentences()]
    tokenizer = Tokenizer(models.WordLevel({word: place for place, word in enumerate(words)}, unk_token="<unk>"))
    tokenizer.pre_tokenizer = pre_tokenizers.Split("\n", "isolated")
    tokenizer.decoder = decoders.Fuse()
    fast = PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        unk_token="<unk>",
        pad_token="<|endoftext|>",
        eos_token="<|im_end|>",
        additional_special_tokens=["<|im_start|>"],
        chat_template=CHAT_TEMPLATE,
    )
    fast.save_pretrained(folder)
    torch.manual_seed(7)
    config = Qwen3Config(
        vocab_size=len(words),
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        head_dim=8,
        max_position_embeddings=512,
        eos_token_id=words.index("<|im_end|>"),
        pad_token_id=words.index("<|endoftext|>"),
        tie_word_embeddings=False,
    )
    Qwen3ForCausalLM(config).save_pretrained(folder)
    return folder
