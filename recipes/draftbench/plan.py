"""The plan of an evaluation, as data: which items, which systems, what each row was made with."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, model_validator

from proposal.errors import ConfigError, InputError
from proposal.inputs import read_structured, validate
from recipes.recipe import parse_overrides

EMBEDDED = "embedded"
"""The model that serving drafts with by default: the embedded one with our adapter."""

BASE = "base"
"""The embedded model as it was published."""


class _Closed(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class SystemPlan(_Closed):
    """One row: a drafting line over a model. `model` is a checkpoint folder, "embedded", "base", or empty for no model.

    A row whose checkpoint folder is not there is left out, and the report says so: the stages before the last lie only
    where they were trained.
    """

    name: str = Field(min_length=1, max_length=60, pattern=r"[^/|\n]+")
    line: str
    model: str = ""
    languages: str = "en"
    figures: int = Field(default=1, ge=0, description="Most figures in one sentence of the model; 0 for any number.")
    best_of: int = Field(default=1, ge=1, le=64)
    items: int = Field(default=0, ge=0, description="Only so many of the items; 0 for all.")
    against: str = Field(default="", description="The row it is compared with; empty for the one before it.")
    made: dict[str, str] = Field(default_factory=dict)

    @property
    def is_here(self) -> bool:
        """Whether its model can be served on this machine."""
        return self.model in ("", EMBEDDED, BASE) or Path(self.model).is_dir()

    @property
    def file(self) -> str:
        """Return the name of its file of drafts."""
        return "".join(letter if letter.isalnum() else "-" for letter in self.name.lower()).strip("-") + ".jsonl"


class EvaluationPlan(_Closed):
    """An evaluation. `proposals` are the files the items are made from, `ids` the frozen list of which.

    Either may be absent where `made_zh` asks for items of our own (`data_prep.bench_zh`), which need no list: they
    follow from their file and the seed.
    """

    proposals: tuple[Path, ...] = ()
    ids: Path | None = None
    made_zh: int = Field(default=0, ge=0, le=1_000, description="Made Chinese items to add.")
    out: Path
    seed: int = 7
    subset: int = Field(default=0, ge=0, description="The first so many items; 0 for all.")
    parallel: int = Field(default=4, ge=1, le=64)
    systems: tuple[SystemPlan, ...] = Field(min_length=1)

    @model_validator(mode="after")
    def _has_items(self) -> EvaluationPlan:
        if bool(self.proposals) != (self.ids is not None):
            raise ValueError("proposals and ids stand together: the files, and the frozen list of what to take of them")
        if not self.proposals and not self.made_zh:
            raise ValueError("no items: give proposals and ids, or made_zh")
        return self

    @model_validator(mode="after")
    def _distinct(self) -> EvaluationPlan:
        files = [system.file for system in self.systems]
        twice = next((file for file in files if files.count(file) > 1), "")
        if twice:
            raise ValueError(f"two systems have the same name, or names that make the same file '{twice}'")
        names = {system.name for system in self.systems}
        lost = next((system.against for system in self.systems if system.against not in ("", *names)), "")
        if lost:
            raise ValueError(f"a row is to be compared with '{lost}', which is none of the rows")
        return self


def load_plan(path: Path, overrides: Sequence[str] = ()) -> EvaluationPlan:
    """Read a plan and the `key=value` words of the command line; paths are read from the working folder."""
    data: Any = read_structured(path)
    if not isinstance(data, dict):
        raise InputError(f"found {type(data).__name__}", where=str(path), expected="key: value lines")
    try:
        return validate(EvaluationPlan, {**data, **parse_overrides(overrides)}, where=str(path))
    except InputError as error:
        raise ConfigError(error.message, where=error.where, expected=error.expected, fix=error.fix) from None
