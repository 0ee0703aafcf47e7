"""What a build is asked for: inputs, use, split and row sets, in a closed YAML file or from `--from`."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from data_prep.faults import Fault, shown
from data_prep.history_tables import history_files
from data_prep.policy import Use
from data_prep.reading import read_rows
from data_prep.records import METHODS, Method
from proposal.errors import ConfigError, InputError
from proposal.inputs import read_structured, validate
from proposal.values import Language

InputKind = Literal["cases", "reviews", "proposals", "history"]
SHARED = "@shared"
"""The beginning of a path in the folder of shared data: DAO_SHARED_DATA, or ../shared/data."""


class InputSpec(BaseModel):
    """One input: a folder of cases, a file (or a folder of files) of reviews or proposals, or a folder of history."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    path: str
    kind: InputKind


class ChartsSpec(BaseModel):
    """How many made-up charts are drawn, from which seed, with words in which languages, in turn."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    count: int = Field(ge=1)
    seed: int = 7
    languages: tuple[Language, ...] = Field(default=("en",), min_length=1)


class BuildConfig(BaseModel):
    """One data cut: what it is built from, and what is built."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$")
    out: str = "data/cuts"
    lake: str = ""
    use: Use = "training"
    split: str = ""
    variants: int | None = None
    row_sets: tuple[Method, ...] = METHODS
    tokenizer: str = ""
    charts: ChartsSpec | None = None
    inputs: tuple[InputSpec, ...] = Field(min_length=1)

    @property
    def lake_folder(self) -> Path:
        """Return the folder of the lake: beside the cuts unless it is named."""
        return Path(self.lake) if self.lake else Path(self.out).parent / "lake"


@dataclass(frozen=True, slots=True)
class InputFile:
    """One input as it is read: a folder of cases, or one file."""

    path: Path
    kind: InputKind


def load_config(path: Path) -> BuildConfig:
    """Read the YAML file of a build; a wrong one is an error of the configuration."""
    try:
        return validate(BuildConfig, read_structured(path), where=str(path))
    except InputError as error:
        raise ConfigError(error.message, where=error.where, expected=error.expected, fix=error.fix) from None


def shared_data() -> Path:
    """Return the folder of shared data; it need not exist."""
    return Path(os.environ.get("DAO_SHARED_DATA") or "../shared/data")


def input_files(config: BuildConfig) -> list[InputFile]:
    """Return what a build reads, in the order in which it is read."""
    found: list[InputFile] = []
    for spec in config.inputs:
        first, _, rest = spec.path.partition("/")
        path = shared_data() / rest if first == SHARED else Path(spec.path)
        if not path.exists():
            fix = "set DAO_SHARED_DATA to the folder of shared data" if first == SHARED else "check the path"
            raise InputError("no such file or folder", where=str(path), fix=fix)
        if spec.kind == "cases" or path.is_file():
            found.append(InputFile(path, spec.kind))
            continue
        if spec.kind == "history":
            found += [InputFile(file, spec.kind) for file in history_files(path)]
            continue
        files = sorted(path.glob("*.jsonl"))
        if not files:
            raise InputError("holds no .jsonl file", where=str(path), fix="check the path")
        found += [InputFile(file, spec.kind) for file in files]
    return found


def config_from(sources: Sequence[Path], *, out: Path, name: str, variants: int | None) -> BuildConfig:
    """Return the build of paths alone: everything is trained on, every row set is built."""
    inputs = tuple(InputSpec(path=str(path), kind=kind_of(path)) for path in sources)
    return BuildConfig(name=name, out=str(out), variants=variants, inputs=inputs)


def kind_of(path: Path) -> InputKind:
    """Tell what a path holds: a folder of cases, or by the fields of the first line reviews or proposals."""
    if path.is_dir():
        return "cases"
    if path.suffix != ".jsonl":
        raise InputError("is neither a folder of cases nor a .jsonl file of reviews or proposals",
                         where=str(path), fix="check the path")  # fmt: skip
    first = next(iter(read_rows(path)))
    if isinstance(first, Fault):
        raise InputError(first.message, where=f"{first.file}:{first.line}" if first.line else first.file, fix=first.fix)
    if {"draft", "review"} <= set(first.data):
        return "reviews"
    if {"title", "body"} <= set(first.data):
        return "proposals"
    raise InputError(f"found {shown(first.data)}", where=str(path),
                     expected="lines with 'draft' and 'review', or with 'title' and 'body'")  # fmt: skip
