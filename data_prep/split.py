"""The sides of a data cut: which proposals are trained on, watched, or held out for evaluation.

A split by time and by DAO, as data in `split.yaml`. Near-duplicates form a cluster, and a cluster never has members on
two sides: where one member is held out, the others are not trained on.
"""

from __future__ import annotations

import datetime as dt
import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

from pydantic import BaseModel, ConfigDict, Field

from proposal.errors import ConfigError, InputError, nearest
from proposal.hashing import sha256_data
from proposal.inputs import read_structured, validate

ANY_DAO = "*"
"""Stands in `held_out_from` for every DAO that has no day of its own."""

Side = Literal["train", "validation", "held_out"]
SIDES: tuple[Side, ...] = get_args(Side)
SPLIT_FILE = Path(__file__).with_name("split.yaml")

Why = Literal["", "dao", "date", "gap", "cluster", "duplicate"]
"""Why a proposal is not trained on: its DAO, its day, the gap before that day, a near-duplicate that is held out, or
another proposal of the same id.
"""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a proposal belongs; `side` is None where it belongs to no side."""

    side: Side | None
    why: Why = ""


class Split(BaseModel):
    """The rule that gives every proposal its side; `held_out_from` has the first held-out day by DAO."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    held_out_daos: tuple[str, ...] = ()
    held_out_from: dict[str, dt.date] = Field(default_factory=dict)
    gap_days: int = Field(default=0, ge=0, le=3_650)
    validation_per_mille: int = Field(default=0, ge=0, le=500)
    near_duplicate_percent: int = Field(default=70, ge=30, le=100)
    overlap_percent: int = Field(default=50, ge=10, le=100)

    @property
    def hash(self) -> str:
        """Return the hash that the manifest of a cut carries."""
        return sha256_data(self)

    def own_place(self, dao: str, created: dt.date) -> Place:
        """Return where a proposal belongs by its own DAO and day, before its near-duplicates are looked at."""
        if dao in self.held_out_daos:
            return Place("held_out", "dao")
        first = self.held_out_from.get(dao, self.held_out_from.get(ANY_DAO))
        if first is not None:
            if created >= first:
                return Place("held_out", "date")
            if created >= first - dt.timedelta(days=self.gap_days):
                return Place(None, "gap")
        return Place("train")

    def place(self, own: Place, *, cluster: str, cluster_is_held_out: bool) -> Place:
        """Return where a proposal belongs, given its cluster.

        The side of a cluster that is not held out follows from the cluster's name alone.
        """
        if own.side != "train":
            return own
        if cluster_is_held_out:
            return Place(None, "cluster")
        watched = int(hashlib.sha256(cluster.encode()).hexdigest()[:8], 16) % 1_000 < self.validation_per_mille
        return Place("validation" if watched else "train")

    def check_names(self, daos: Iterable[str], *, where: str) -> None:
        """Raise where a DAO to hold out is not in the data, but one of nearly that name is: it would be trained on."""
        known = sorted(set(daos))
        for name in (*self.held_out_daos, *(name for name in self.held_out_from if name != ANY_DAO)):
            near = nearest(name, known) if name not in known else None
            if near:
                raise ConfigError(f"'{name}' is to be held out, and no proposal is of that DAO", where=where,
                                  expected=", ".join(known), fix=f"did you mean '{near}'?")  # fmt: skip


NO_SPLIT = Split()
"""Everything is trained on: for cuts of one's own cases and reviews."""


def load_split(path: Path = SPLIT_FILE) -> Split:
    """Read a split; a wrong file is an error of the configuration."""
    try:
        return validate(Split, read_structured(path), where=str(path))
    except InputError as error:
        raise ConfigError(error.message, where=error.where, expected=error.expected, fix=error.fix) from None
