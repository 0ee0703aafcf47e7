"""Write a small model as an ONNX graph from token ids to logits, and compare it with torch at other lengths.

    .venv-model/bin/python -m recipes.onnx_graph out/merged out/onnx

For models of a few hundred million parameters: the graph has no cache, so a long text is read again for each token.
Exit code 5 when onnxruntime's logits are further than 1e-4 of their scale from torch's.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

GRAPH = "model.onnx"
TOLERANCE = 1e-4
EXAMPLE = (2, 7)
COMPARED = ((1, 5), (2, 33))
"""Batch and length of the inputs that are compared."""


def write(source: Path, out: Path) -> dict[str, float]:
    """Write graph and tokenizer; return the largest difference of logits, and their scale."""
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    model = AutoModelForCausalLM.from_pretrained(source, dtype=torch.float32, attn_implementation="eager").eval()
    model.config.use_cache = False

    class Logits(torch.nn.Module):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            self.model = model

        def forward(self, input_ids: Any, attention_mask: Any) -> Any:
            return self.model(input_ids=input_ids, attention_mask=attention_mask).logits

    out.mkdir(parents=True, exist_ok=True)
    axes = {0: torch.export.Dim("batch", min=1, max=1024), 1: torch.export.Dim("length", min=2, max=1_000_000)}
    ids = torch.ones(EXAMPLE, dtype=torch.long)
    mask = ids.clone()
    mask[-1, :2] = 0  # without a padded row the graph would be one that never looks at the mask
    names = {"input_names": ["input_ids", "attention_mask"], "output_names": ["logits"]}
    torch.onnx.export(
        Logits().eval(), (ids, mask), out / GRAPH, dynamo=True, dynamic_shapes=(axes, axes), external_data=True,
        verbose=False, **names,
    )  # fmt: skip
    AutoTokenizer.from_pretrained(source).save_pretrained(out)
    model.config.save_pretrained(out)
    return compare(model, out)


def compare(model: Any, out: Path) -> dict[str, float]:
    """Return the largest difference between torch's and onnxruntime's logits, and torch's largest logit."""
    import onnxruntime
    import torch

    session = onnxruntime.InferenceSession(str(out / GRAPH), providers=["CPUExecutionProvider"])
    difference = scale = 0.0
    for shape in COMPARED:
        ids = torch.randint(0, model.config.vocab_size, shape, generator=torch.Generator().manual_seed(7))
        mask = torch.ones(shape, dtype=torch.long)
        mask[-1, : shape[1] // 3] = 0  # a padded row
        with torch.no_grad():
            ours = model(input_ids=ids, attention_mask=mask).logits[mask.bool()]
        (theirs,) = session.run(None, {"input_ids": ids.numpy(), "attention_mask": mask.numpy()})
        kept = torch.from_numpy(theirs)[mask.bool()]
        difference = max(difference, float((ours - kept).abs().max()))
        scale = max(scale, float(ours.abs().max()))
    return {"largest_difference": difference, "largest_logit": scale}


def main() -> int:
    """Write one graph; the last line of the output is how far it is from torch, as JSON."""
    source, out = Path(sys.argv[1]), Path(sys.argv[2])
    found = write(source, out)
    sys.stdout.write("\n" + json.dumps(found) + "\n")
    return 0 if found["largest_difference"] <= TOLERANCE * max(found["largest_logit"], 1.0) else 5


if __name__ == "__main__":
    sys.exit(main())
