"""The shape of a model, read from its `config.json` alone: how many parameters, in which matrices.

Nothing is loaded and nothing is fetched, so that a preflight can count the memory of a model that is not on this
machine. The counts are exact: a test compares them with the same models built by transformers without storage.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from proposal.errors import InputError, nearest

QK_NORM = frozenset({"qwen3", "qwen3_moe", "qwen3_vl"})
"""Families that normalise queries and keys by head."""
QKV_BIAS = frozenset({"qwen2", "qwen2_5_vl"})
FAMILIES = frozenset({"llama", "mistral"}) | QK_NORM | QKV_BIAS


@dataclass(frozen=True, slots=True)
class Matrix:
    """Matrices of one kind: `count` of them, each `inputs` × `outputs`, with or without a bias.

    `fused` ones (experts and their router) are no linear layers in transformers 5, so neither `all-linear` nor 4-bit
    loading reaches them.
    """

    name: str
    inputs: int
    outputs: int
    count: int
    bias: bool = False
    fused: bool = False

    @property
    def parameters(self) -> int:
        return self.count * (self.inputs + self.bias) * self.outputs


@dataclass(frozen=True, slots=True)
class ModelShape:
    """What the sizes of weights, activations and caches follow from; sizes are counts of elements."""

    family: str
    hidden: int
    intermediate: int
    layers: int
    heads: int
    kv_heads: int
    head_size: int
    vocabulary: int
    positions: int
    tied: bool
    weight_type: str
    experts: int = 0
    experts_used: int = 0
    vision_parameters: int = 0
    """Parameters of a vision tower, none of which is trained by LoRA unless a recipe unfreezes it."""

    @property
    def queries(self) -> int:
        """Width of all queries of a token."""
        return self.heads * self.head_size

    @property
    def keys(self) -> int:
        """Width of all keys of a token, which is that of its values too."""
        return self.kv_heads * self.head_size

    @property
    def qk_norm(self) -> bool:
        return self.family in QK_NORM

    def matrices(self) -> Iterator[Matrix]:
        """Yield the matrices of the decoder's layers, which LoRA's `all-linear` adapts and 4-bit loading quantises."""
        bias = self.family in QKV_BIAS
        yield Matrix("q_proj", self.hidden, self.queries, self.layers, bias)
        yield Matrix("k_proj", self.hidden, self.keys, self.layers, bias)
        yield Matrix("v_proj", self.hidden, self.keys, self.layers, bias)
        yield Matrix("o_proj", self.queries, self.hidden, self.layers)
        blocks, fused = self.layers * max(self.experts, 1), bool(self.experts)
        if self.experts:
            yield Matrix("gate", self.hidden, self.experts, self.layers, fused=True)
        yield Matrix("gate_proj", self.hidden, self.intermediate, blocks, fused=fused)
        yield Matrix("up_proj", self.hidden, self.intermediate, blocks, fused=fused)
        yield Matrix("down_proj", self.intermediate, self.hidden, blocks, fused=fused)

    @property
    def linear_parameters(self) -> int:
        return sum(matrix.parameters for matrix in self.matrices())

    @property
    def parameters(self) -> int:
        """All parameters: embeddings (twice where the output layer has its own), linear layers, norms, vision."""
        embeddings = self.vocabulary * self.hidden * (1 if self.tied else 2)
        norms = self.layers * (2 * self.hidden + (2 * self.head_size if self.qk_norm else 0)) + self.hidden
        return embeddings + self.linear_parameters + norms + self.vision_parameters


def read_shape(config: Mapping[str, Any], *, where: str = "config.json") -> ModelShape:
    """Read the shape of a model from its configuration; a family without a formula here is named.

    >>> tiny = {"model_type": "llama", "hidden_size": 576, "intermediate_size": 1536, "num_hidden_layers": 30,
    ...         "num_attention_heads": 9, "num_key_value_heads": 3, "vocab_size": 49152, "tie_word_embeddings": True}
    >>> read_shape(tiny).parameters
    134515008
    """
    text = {**config, **dict(config.get("text_config") or {})}
    family = str(config.get("model_type", ""))
    if family not in FAMILIES:
        near = nearest(family, FAMILIES)
        raise InputError(
            f"no formula for the model type '{family}'",
            where=where,
            expected=f"one of {', '.join(sorted(FAMILIES))}" + (f" (near: {near})" if near else ""),
            fix="measure this model on the card itself",
        )
    try:
        return _shape(config, text, family)
    except KeyError as error:
        raise InputError(f"{error} is missing", where=where, expected="the config.json of a checkpoint") from error


def _shape(config: Mapping[str, Any], text: Mapping[str, Any], family: str) -> ModelShape:
    hidden, heads = int(text["hidden_size"]), int(text["num_attention_heads"])
    experts = int(text.get("num_experts") or text.get("num_local_experts") or 0)
    vision = config.get("vision_config") if "_vl" in family else None
    tied = config.get("tie_word_embeddings", text.get("tie_word_embeddings", family.startswith("qwen3_vl")))
    return ModelShape(
        family=family,
        hidden=hidden,
        intermediate=int(text["moe_intermediate_size" if experts else "intermediate_size"]),
        layers=int(text["num_hidden_layers"]),
        heads=heads,
        kv_heads=int(text.get("num_key_value_heads") or heads),
        head_size=int(text.get("head_dim") or hidden // heads),
        vocabulary=int(text["vocab_size"]),
        positions=int(text.get("max_position_embeddings") or 0),
        tied=bool(tied),
        weight_type=str(text.get("dtype") or text.get("torch_dtype") or "bfloat16"),
        experts=experts,
        experts_used=int(text.get("num_experts_per_tok") or 0) if experts else 0,
        vision_parameters=_vision_parameters(vision, family) if vision else 0,
    )


def _vision_parameters(vision: Mapping[str, Any], family: str) -> int:
    """Count a vision tower: patch embedding, blocks, and the mergers that join patches for the decoder."""
    width, depth = int(vision["hidden_size"]), int(vision["depth"])
    inner = int(vision["intermediate_size"])
    patch = math.prod((int(vision["patch_size"]),) * 2) * int(vision.get("temporal_patch_size", 2))
    channels = int(vision.get("in_channels") or vision.get("in_chans") or 3)
    merged = width * int(vision.get("spatial_merge_size", 2)) ** 2
    out = int(vision["out_hidden_size"])
    attention = 4 * width * width + 4 * width
    projection = merged * merged + merged + merged * out + out
    embedding = channels * patch * width
    if family == "qwen2_5_vl":  # RMS norms, a gated block with biases, one merger
        gated = 3 * width * inner + 2 * inner + width
        return embedding + depth * (attention + gated + 2 * width) + projection + width
    block = attention + 2 * width * inner + inner + width + 4 * width
    deep = len(vision.get("deepstack_visual_indexes") or ())
    places = int(vision["num_position_embeddings"]) * width
    return embedding + width + places + depth * block + projection + 2 * width + deep * (projection + 2 * merged)
