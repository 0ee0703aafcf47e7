"""Quantise the linear layers of a checkpoint to 4 bit without data, in the compressed-tensors format that vLLM serves.

    .venv-model/bin/python -m recipes.compress out/merged out/w4a16 --group-size 128

Weights are rounded to the nearest of 16 values; of a few scales for each group the one with the least squared error is
taken. Embeddings, the output layer and the norms keep their precision. llm-compressor, whose format this is, would
measure on data; it asks for other versions of transformers and compressed-tensors than ms-swift and vLLM here.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

from recipes.model_shape import ModelShape

BITS = 4
SHRINKS = (1.0, 0.95, 0.9, 0.85, 0.8)
"""Shares of the largest weight that a scale is tried with: cutting off an outlier can serve the others."""
PROBE_TOKENS = 64


def quantised_bytes(shape: ModelShape, group_size: int, other_bytes: int = 2) -> int:
    """Return the size of the result: half a byte a quantised weight and a scale for each group.

    >>> from recipes.model_shape import read_shape
    >>> qwen = {"model_type": "qwen3", "hidden_size": 4096, "intermediate_size": 12288, "num_hidden_layers": 36,
    ...         "num_attention_heads": 32, "num_key_value_heads": 8, "head_dim": 128, "vocab_size": 151936}
    >>> round(quantised_bytes(read_shape(qwen), 128) / 1e9, 1)
    6.1
    """
    quantised = sum(m.inputs * m.outputs * m.count for m in shape.matrices() if not m.fused)
    return quantised * BITS // 8 + quantised // group_size * other_bytes + (shape.parameters - quantised) * other_bytes


def compress(source: Path, out: Path, group_size: int) -> dict[str, Any]:
    """Write the quantised checkpoint; return how far its logits are from the model's and how large it is."""
    import torch
    from compressed_tensors.compressors import ModelCompressor
    from transformers import AutoModelForCausalLM, AutoTokenizer

    model = AutoModelForCausalLM.from_pretrained(source, dtype="auto").eval()
    probe = torch.arange(PROBE_TOKENS)[None] % model.config.get_text_config().vocab_size
    with torch.no_grad():
        before = model(probe).logits.float()
    count = _quantise_layers(model, group_size)
    with torch.no_grad():
        after = model(probe).logits.float()
    compressor = ModelCompressor.from_pretrained_model(model, quantization_format="pack-quantized")
    compressor.compress_model(model)
    model.save_pretrained(out)
    compressor.update_config(out)
    AutoTokenizer.from_pretrained(source).save_pretrained(out)
    share = torch.nn.functional.kl_div(after.log_softmax(-1), before.log_softmax(-1), log_target=True, reduction="sum")
    return {
        "layers": count,
        "bytes": sum(file.stat().st_size for file in out.glob("*.safetensors")),
        "bytes_before": sum(file.stat().st_size for file in source.glob("*.safetensors")),
        "kl_divergence_a_token": round(float(share) / PROBE_TOKENS, 6),
    }


def _quantise_layers(model: Any, group_size: int) -> int:
    """Give every linear layer but the output its scales; return how many there are."""
    from compressed_tensors.quantization import (
        QuantizationArgs,
        QuantizationConfig,
        QuantizationScheme,
        QuantizationStatus,
        apply_quantization_config,
    )

    weights = QuantizationArgs(num_bits=BITS, type="int", symmetric=True, strategy="group", group_size=group_size)
    scheme = QuantizationScheme(targets=["Linear"], weights=weights)
    config = QuantizationConfig(
        config_groups={"group_0": scheme}, ignore=["lm_head"], format="pack-quantized",
        quantization_status=QuantizationStatus.INITIALIZED,
    )  # fmt: skip
    apply_quantization_config(model, config)
    layers = [layer for layer in model.modules() if getattr(layer, "quantization_scheme", None) is not None]
    for layer in layers:
        layer.weight_scale.data.copy_(_best_scales(layer.weight.data.float(), group_size))
        layer.quantization_status = QuantizationStatus.FROZEN
    return len(layers)


def _best_scales(weight: Any, group_size: int) -> Any:
    """Return the scale of each group (rows × groups) with the least squared error."""
    import torch

    groups = weight.reshape(weight.shape[0], -1, group_size)
    largest = groups.abs().amax(-1, keepdim=True).clamp(min=torch.finfo(torch.float16).tiny)
    low, high = -(2 ** (BITS - 1)), 2 ** (BITS - 1) - 1
    best, least = largest / high, torch.full_like(largest, float("inf"))
    for shrink in SHRINKS:
        scale = largest * shrink / (high + 0.5)
        error = (groups - (groups / scale).round().clamp(low, high) * scale).square().sum(-1, keepdim=True)
        best, least = torch.where(error < least, scale, best), torch.minimum(error, least)
    return best.squeeze(-1)


def main() -> None:
    """Quantise one checkpoint; the last line of the output is what came of it, as JSON."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("source", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--group-size", type=int, default=128)
    request = parser.parse_args()
    sys.stdout.write("\n" + json.dumps(compress(request.source, request.out, request.group_size)) + "\n")


if __name__ == "__main__":
    main()
