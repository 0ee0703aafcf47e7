"""Evidence: one citable fact with its source, retrieval time and named values; cited in text as `[E3]`.

Evidence is data, never instructions: its text is quoted to the model inside markers, and only its ids and value
names can appear in what the model writes.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from proposal.brief import check_name, check_url
from proposal.errors import InputError
from proposal.hashing import sha256_data, sha256_text
from proposal.inputs import read_structured, validate
from proposal.values import Language, Value

EvidenceKind = Literal["transaction", "event", "metric", "document", "forum_post", "chart", "vote"]

ID_PATTERN = re.compile(r"E[1-9][0-9]{0,2}\Z")
_TX_PATTERN = re.compile(r"0x[0-9a-fA-F]{64}\Z")
_SHA256_PATTERN = re.compile(r"sha256:[0-9a-f]{64}\Z")

MAX_ITEMS = 200

EXPLORERS: Mapping[str, str] = {
    "ethereum": "https://etherscan.io/tx/",
    "arbitrum": "https://arbiscan.io/tx/",
    "optimism": "https://optimistic.etherscan.io/tx/",
    "base": "https://basescan.org/tx/",
    "polygon": "https://polygonscan.com/tx/",
    "gnosis": "https://gnosisscan.io/tx/",
}
"""Transaction page of each chain we know; another chain needs its own `url`."""


class Evidence(BaseModel):
    """One citable fact.

    `tx` is a transaction hash (0x and 64 hexadecimal digits) and needs `chain`. `content_hash` is the SHA-256 of
    `excerpt` ("sha256:…"); it is filled in when left out and must match when given.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: str
    kind: EvidenceKind
    title: str = Field(min_length=3, max_length=200)
    title_zh: str = Field(default="", max_length=200)
    publisher: str = Field(default="", max_length=120)
    url: str = Field(default="", max_length=2_048)
    chain: str = Field(default="", max_length=40)
    tx: str = ""
    block: int | None = Field(default=None, ge=0)
    date: dt.date | None = None
    retrieved_at: dt.datetime
    values: dict[str, Value] = Field(default_factory=dict)
    excerpt: str = Field(default="", max_length=20_000)
    excerpt_language: Language = "en"
    content_hash: str = ""

    @field_validator("id")
    @classmethod
    def _id_form(cls, value: str) -> str:
        if not ID_PATTERN.match(value):
            raise ValueError(f"'{value}' is not an evidence id (E1, E2, … E999)")
        return value

    @field_validator("tx")
    @classmethod
    def _tx_form(cls, value: str) -> str:
        if value and not _TX_PATTERN.match(value):
            raise ValueError(f"'{value[:80]}' is not a transaction hash (0x and 64 hexadecimal digits)")
        return value.lower()

    @field_validator("url")
    @classmethod
    def _url_form(cls, value: str) -> str:
        return check_url(value) if value else value

    @field_validator("values")
    @classmethod
    def _value_names(cls, values: dict[str, Value]) -> dict[str, Value]:
        for name in values:
            check_name(name)
        return values

    @field_validator("retrieved_at")
    @classmethod
    def _utc(cls, value: dt.datetime) -> dt.datetime:
        return (value if value.tzinfo else value.replace(tzinfo=dt.UTC)).astimezone(dt.UTC)

    @model_validator(mode="after")
    def _whole(self) -> Evidence:
        if self.tx and not self.chain:
            raise ValueError("a transaction hash needs its chain")
        if not self.url and not self.tx:
            raise ValueError("needs a url, or a chain and tx, so that a reader can look it up")
        if self.tx and not self.url and self.chain not in EXPLORERS:
            raise ValueError(f"no explorer is known for the chain '{self.chain}': give a url "
                             f"(known: {', '.join(EXPLORERS)})")  # fmt: skip
        if not self.values and not self.excerpt:
            raise ValueError("states nothing: give at least one value or an excerpt")
        true_hash = "sha256:" + sha256_text(self.excerpt)
        if not self.content_hash:
            object.__setattr__(self, "content_hash", true_hash)
        elif not _SHA256_PATTERN.match(self.content_hash):
            raise ValueError(f"content_hash '{self.content_hash[:80]}' is not 'sha256:' and 64 hexadecimal digits")
        elif self.content_hash != true_hash:
            raise ValueError(f"content_hash does not match the excerpt (it hashes to {true_hash})")
        return self

    @property
    def link(self) -> str:
        """Return where a reader can look the fact up."""
        return self.url or EXPLORERS[self.chain] + self.tx

    def title_in(self, language: Language) -> str:
        """Return the title in the language, falling back to the one that exists."""
        return (self.title_zh or self.title) if language == "zh" else self.title


EvidenceSet = Mapping[str, Evidence]
"""Evidence by id, in the order of the file."""


class _EvidenceFile(BaseModel):
    model_config = ConfigDict(extra="forbid")

    evidence: list[Evidence] = Field(min_length=1, max_length=MAX_ITEMS)


def index_evidence(items: Iterable[Evidence], *, where: str) -> dict[str, Evidence]:
    """Index evidence by id; an id that repeats is refused, because a citation would be ambiguous."""
    indexed: dict[str, Evidence] = {}
    for position, item in enumerate(items):
        if item.id in indexed:
            raise InputError(f"'evidence.{position}.id': the id {item.id} repeats", where=where,
                             expected="each id once", fix=f"rename one of the two items {item.id}")  # fmt: skip
        indexed[item.id] = item
    return indexed


def parse_evidence(data: Any, *, where: str) -> dict[str, Evidence]:
    """Build the evidence set from parsed YAML/JSON: a mapping with `evidence:`, or the bare list."""
    if isinstance(data, list):
        data = {"evidence": data}
    return index_evidence(validate(_EvidenceFile, data, where=where).evidence, where=where)


def load_evidence(path: Path) -> dict[str, Evidence]:
    """Read evidence from YAML or JSON; every mistake is named with its file and field."""
    return parse_evidence(read_structured(path), where=str(path))


def evidence_hash(evidence: EvidenceSet) -> str:
    """Return the hash of a whole evidence set, independent of the order of its items."""
    return sha256_data([evidence[key].model_dump(mode="json") for key in sorted(evidence)])
