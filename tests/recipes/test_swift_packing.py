"""Packing as ms-swift does it, on a CPU: which rows share a pack, what the model gets, and that rows stay apart.

The trainer asks for a flash attention kernel, which no CPU has; the data set, the collator and the positions that keep
rows apart are the same ones, and PyTorch's attention reads those positions too. On a card: test_gpu_tier.py.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Sequence
from typing import Any

import pytest

from tests.recipes.conftest import Lab

pytestmark = pytest.mark.swift

LENGTH = 4_096
TOLERANCE = 1e-3
"""Of logits up to about 40: what PyTorch's kernels differ by between one long sequence and several short ones."""


class Encoded(list[dict[str, Any]]):
    """Encoded rows as the data set of ms-swift offers them: by number, or a column by name."""

    def __getitem__(self, key: Any) -> Any:
        return [len(row["input_ids"]) for row in self] if key == "lengths" else super().__getitem__(key)


def a_template(model: Any, model_type: str, template_type: str) -> Any:
    from swift import get_model_processor, get_template

    _, processor = get_model_processor(str(model), load_model=False, model_type=model_type)
    template = get_template(processor, template_type=template_type, max_length=LENGTH)
    template.set_mode("train")
    return template


@pytest.fixture(scope="module")
def template(lab: Lab) -> Any:
    return a_template(lab.model, "qwen3", "chatml")


@pytest.fixture(scope="module")
def encoded(lab: Lab, template: Any) -> Encoded:
    """Encode the sections of the examples, each as a row."""
    rows = map(json.loads, lab.rows("sft").read_text(encoding="utf-8").splitlines())
    return Encoded(template.encode({"messages": row["messages"]}, return_length=True) for row in rows)


def test_every_row_is_in_one_pack_and_no_pack_is_too_long(template: Any, encoded: Encoded) -> None:
    from swift.dataset.packing import PackingDataset

    packs = PackingDataset(template, encoded, packing_length=LENGTH)
    contents = [packs[number] for number in range(len(packs))]
    assert 1 < len(packs) < len(encoded)
    assert all(sum(len(row["input_ids"]) for row in pack) <= LENGTH for pack in contents)
    flat = sorted(tuple(row["input_ids"]) for pack in contents for row in pack)
    assert flat == sorted(tuple(row["input_ids"]) for row in encoded)


def test_packs_of_sections_are_nearly_full(lab: Lab, template: Any) -> None:
    """The share of a pack that is filled is what a step does not waste: sections and their changed variants as rows.

    Each length stands eight times, as in a larger cut: of the fifty rows alone the last, unfilled pack counts much.
    """
    from swift.dataset.packing import calculate_matched_group

    pairs = map(json.loads, lab.rows("dpo").read_text(encoding="utf-8").splitlines())
    texts = [[*pair["messages"][:-1], {"role": "assistant", "content": pair["rejected_response"]}] for pair in pairs]
    lengths = [len(template.encode({"messages": turns})["input_ids"]) for turns in texts]
    packs, _ = calculate_matched_group(list(enumerate(lengths * 8)), 4 * LENGTH)
    assert sum(lengths * 8) / (len(packs) * 4 * LENGTH) >= 0.9


def logits_of(model: Any, rows: Sequence[dict[str, Any]], template: Any) -> Any:
    """Return the logits of rows that were collated as one pack, as training calls the model (without a cache)."""
    import torch

    batch = template.data_collator([copy.deepcopy(list(rows))])  # the collator empties what it is given
    names = ("input_ids", "position_ids", "pixel_values", "image_grid_thw")
    inputs = {name: batch[name] for name in names if batch.get(name) is not None}
    text = batch.get("text_position_ids")
    if text is not None:  # ms-swift leaves them to the flash kernel's row limits; other kernels find the limits in them
        inputs["position_ids"] = torch.cat([text[None], batch["position_ids"]])
    with torch.no_grad():
        return model(**inputs, use_cache=False).logits[0]


@pytest.fixture
def packing(template: Any) -> Any:
    template.packing = template.padding_free = True
    return template


def test_positions_begin_again_and_labels_stay_with_their_row(packing: Any, encoded: Encoded) -> None:
    rows = encoded[:3]
    batch = packing.data_collator([rows])
    lengths = [len(row["input_ids"]) for row in rows]
    assert batch["position_ids"][0].tolist() == [place for length in lengths for place in range(length)]
    starts = [sum(lengths[:number]) for number in range(3)]
    assert all(batch["labels"][0][start] == -100 for start in starts), "no row may be predicted from the one before it"


def test_a_packed_row_gets_the_logits_it_has_alone(lab: Lab, packing: Any, encoded: Encoded) -> None:
    import torch
    from transformers import AutoModelForCausalLM

    model = AutoModelForCausalLM.from_pretrained(lab.model, dtype=torch.float32, attn_implementation="sdpa").eval()
    rows = encoded[:3]
    together = logits_of(model, rows, packing)
    alone = torch.cat([logits_of(model, [row], packing) for row in rows])
    assert (together - alone).abs().max() < TOLERANCE
    swapped = logits_of(model, [rows[1], rows[0], rows[2]], packing)
    assert (swapped[-len(rows[2]["input_ids"]) :] - alone[-len(rows[2]["input_ids"]) :]).abs().max() < TOLERANCE


def test_packed_pictures_stay_with_their_row(lab: Lab) -> None:
    import torch
    from transformers import AutoModelForImageTextToText

    template = a_template(lab.vision_model, "qwen3_vl", "qwen3_vl")
    lines = lab.rows("sft_multimodal").read_text(encoding="utf-8").splitlines()[:3]
    rows = [template.encode(json.loads(line), return_length=True) for line in lines]
    template.packing = template.padding_free = True
    model = AutoModelForImageTextToText.from_pretrained(
        lab.vision_model, dtype=torch.float32, attn_implementation="sdpa"
    ).eval()
    template.model = model  # the trainer does so too: Qwen's positions in three dimensions are counted by the model
    together = logits_of(model, rows, template)
    alone = torch.cat([logits_of(model, [row], template) for row in rows])
    assert (together - alone).abs().max() < TOLERANCE
