"""What data_prep reads and writes: typed records in, rows of a training method out, and drops with
their reason.

Every row is a closed model, because ms-swift takes any column it finds: a column called `solution`
or `images` changes what is trained, and one that is missing is noticed at the first step, after the
model was loaded. Columns of ours start with `dao_` and hold text only (structured data as JSON):
Arrow fills keys that a row lacks with nulls otherwise.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from proposal.brief import Brief
from proposal.decisions import Review
from proposal.draft import Draft
from proposal.evidence import Evidence, EvidenceSet
from proposal.plan import Fact
from rewards.rows import COLUMNS, RESERVED

REWARD_COLUMNS = COLUMNS
"""Columns that a GRPO row carries for the rewards, beside its prompt."""

_PREFIXES = ("rejected_", "positive_", "negative_")
RESERVED_COLUMNS = RESERVED | {
    "image",
    "video",
    "audio",
    "teacher_images",
    "ref_audios",
    "audio_codes",
    "omnijev_column_keys",
    "omnijev_video",
    *(prefix + name for prefix in _PREFIXES for name in ("messages", "images", "videos", "audios", "tools", "objects")),
}
"""Column names that ms-swift gives a meaning to: a column of ours with one of them would be taken
for it. A test compares them with the pinned release.
"""

Method = Literal["sft", "dpo", "kto", "grpo"]
METHODS: tuple[Method, ...] = ("sft", "dpo", "kto", "grpo")

DropReason = Literal[
    "no-reference",
    "not-a-model-section",
    "unknown-slot",
    "outside-grammar",
    "fact-not-stated",
    "empty",
    "too-long",
    "duplicate",
    "undecided",
    "decision-chain-broken",
    "no-change",
    "other-brief",
    "no-mutation",
    "licence",
    "undated",
    "no-section",
    "no-prose",
    "not-invertible",
    "round-trip",
]
"""Why something that was read did not become a row."""


class _Closed(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Reference(_Closed):
    """A finished proposal by hand: the slotted text of its model-written sections, by section
    key.
    """

    sections: dict[str, str] = Field(min_length=1)


class ReviewedDraft(_Closed):
    """One version of a draft with its review, as an export carries both: one JSON line each.

    The review holds the whole chain of the draft; decisions on other versions are left out of
    account.
    """

    draft: Draft
    review: Review

    @property
    def source(self) -> str:
        """Return the name that rows made from it carry."""
        return f"{self.review.draft_id}/{self.review.version}"


@dataclass(frozen=True, slots=True)
class Case:
    """A brief with its evidence, and where there is one the reference text of its sections.

    `facts` says what each section states, where that is known from the text; otherwise it is planned as in service.
    """

    key: str
    brief: Brief
    evidence: EvidenceSet
    sections: Mapping[str, str] = field(default_factory=dict)
    facts: Mapping[str, tuple[Fact, ...]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Drop:
    """Something that was read and did not become a row: what, from where, and why."""

    reason: DropReason
    source: str
    method: Method
    section: str = ""
    detail: str = ""


class Message(_Closed):
    """One turn of a chat."""

    role: Literal["system", "user", "assistant"]
    content: str = Field(min_length=1)


class Row(_Closed):
    """What rows of all methods have: the turns, explicitly, and where the row comes from."""

    messages: tuple[Message, ...] = Field(min_length=2)
    dao_source: str
    dao_section: str
    dao_template: str


class SftRow(Row):
    """Supervised fine-tuning: the last turn is the assistant's and is learnt."""


class DpoRow(Row):
    """A preference pair: the last turn of `messages` is preferred to `rejected_response`.

    `dao_pair` tells how the pair came about.
    """

    rejected_response: str = Field(min_length=1)
    dao_pair: str


class KtoRow(Row):
    """One judged text: `label` tells whether the committee wanted it."""

    label: bool


class GrpoRow(Row):
    """A prompt without an answer, with what the rewards need; `dao_reference` is known good text,
    or empty.

    ms-swift drops an assistant turn of the data in GRPO, so the reference stands in a column of its
    own.
    """

    dao_evidence_json: str
    dao_brief_json: str
    dao_required: str
    dao_reference: str = ""


ROW_OF: Mapping[Method, type[Row]] = {"sft": SftRow, "dpo": DpoRow, "kto": KtoRow, "grpo": GrpoRow}


def index(evidence: tuple[Evidence, ...]) -> dict[str, Evidence]:
    """Index the evidence of a draft by id; a draft was checked for repeated ids when it was
    made.
    """
    return {item.id: item for item in evidence}
