"""The stages of the drafting line, which evaluation turns off to measure what each is worth.

Serving always drafts with all of them. The named lines are the rows of DraftBench's table that need no other weights.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Stages:
    """Which stages are on.

    `model` asks the model at all; `grammar` binds it to this request's slots; `screening` refuses sentences and has
    them written again; `completion` states planned facts that the writer left out, and marks what is missing.
    """

    model: bool = True
    grammar: bool = True
    screening: bool = True
    completion: bool = True


ALL = Stages()

LINES: Mapping[str, Stages] = {
    "template": Stages(model=False),
    "raw": Stages(grammar=False, screening=False, completion=False),
    "grammar": Stages(screening=False, completion=False),
    "screened": Stages(completion=False),
    "full": ALL,
}
"""Drafting lines by name: no model, the model alone, with the grammar, with screening and rewriting, and everything."""
