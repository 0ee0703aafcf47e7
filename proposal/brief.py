"""The brief: what the proposer wants, in the proposer's own words and parameters.

A brief states intentions (the budget asked for, the dates, the options); evidence states facts. A figure of the
brief is printed by the slot `{{P.name}}` and needs no citation, because the proposal itself is its source.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from decimal import Decimal
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    SerializerFunctionWrapHandler,
    field_validator,
    model_serializer,
    model_validator,
)

from proposal.actions import MAX_ACTIONS, Action, CustomCall
from proposal.inputs import read_structured, validate
from proposal.values import Language, Value

ProposalType = Literal["funding", "grants", "parameter-change", "policy", "technical", "signal"]
"""What a proposal asks for; decides which sections and findings a template adds."""

NAME_PATTERN = re.compile(r"[a-z][a-z0-9_]{0,39}\Z")
"""Names of parameters and of evidence values: they stand in slots, so they are plain identifiers."""


class Brief(BaseModel):
    """Input of drafting: topic, ask and named parameters, with the template and language to draft in.

    `notes` are points that the author wants made, by section key of the template. `actions` are what the proposal does
    on the chain once it has passed: they are approved with the text, and the exports carry these and no others.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    topic: str = Field(min_length=3, max_length=200)
    ask: str = Field(min_length=3, max_length=2_000)
    type: ProposalType
    dao: str = Field(min_length=1, max_length=80)
    template: str = Field(default="generic", max_length=60)
    language: Language = "en"
    title: str = Field(default="", max_length=250)
    authors: tuple[str, ...] = Field(default=(), max_length=20)
    background: str = Field(default="", max_length=8_000)
    parameters: dict[str, Value] = Field(default_factory=dict)
    constraints: tuple[str, ...] = Field(default=(), max_length=30)
    notes: dict[str, str] = Field(default_factory=dict, max_length=30)
    options: tuple[str, ...] = Field(default=(), max_length=20)
    conflicts_of_interest: str = Field(default="", max_length=2_000)
    discussion_url: str = Field(default="", max_length=2_048)
    actions: tuple[Action, ...] = Field(default=(), max_length=MAX_ACTIONS)

    @model_serializer(mode="wrap")
    def _as_before(self, write: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Leave out the actions where there are none: briefs older than actions keep their hashes."""
        data: dict[str, Any] = write(self)
        if not self.actions:
            del data["actions"]
        return data

    @cached_property
    def figures(self) -> Mapping[str, Value]:
        """Every figure that the brief states, by the name in its slot: parameters, and the amount of each transfer.

        The third action's amount is `{{P.action_3}}`.
        """
        sent = {
            action_name(number): Value(value=Decimal(action.amount), unit=action.symbol)
            for number, action in enumerate(self.actions, start=1)
            if not isinstance(action, CustomCall)
        }
        return {**self.parameters, **sent}

    @model_validator(mode="after")
    def _names_differ(self) -> Brief:
        for number in range(1, len(self.actions) + 1):
            if action_name(number) in self.parameters:
                raise ValueError(f"the parameter '{action_name(number)}' has the name of an action: rename it")
        return self

    @field_validator("parameters")
    @classmethod
    def _names_are_identifiers(cls, parameters: dict[str, Value]) -> dict[str, Value]:
        for name in parameters:
            check_name(name)
        return parameters

    @field_validator("discussion_url")
    @classmethod
    def _is_a_link(cls, url: str) -> str:
        return check_url(url) if url else url


def action_name(number: int) -> str:
    """Return the name under which the amount of an action stands in slots; actions count from 1."""
    return f"action_{number}"


def check_name(name: str) -> str:
    """Refuse a name that cannot stand in a slot."""
    if not NAME_PATTERN.match(name):
        raise ValueError(f"'{name}' is not a name (a small letter, then small letters, digits or _)")
    return name


def check_url(url: str) -> str:
    """Refuse anything but a plain http(s) link: it is printed into the published text."""
    if not re.match(r"https?://[^\s<>\"'`()\[\]{}\\]{3,2000}\Z", url):
        raise ValueError(f"'{url[:80]}' is not a plain http(s) link")
    return url


def load_brief(path: Path) -> Brief:
    """Read a brief from YAML or JSON; every mistake is named with its file and field."""
    return validate(Brief, read_structured(path), where=str(path))
