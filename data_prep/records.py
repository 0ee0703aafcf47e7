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

Method = Literal["cpt", "sft", "sft_best", "sft_multimodal", "dpo", "kto", "kto_votes", "grpo", "grpo_best", "rm"]
METHODS: tuple[Method, ...] = (
    "cpt", "sft", "sft_best", "sft_multimodal", "dpo", "kto", "kto_votes", "grpo", "grpo_best", "rm",
)  # fmt: skip
"""What rows are for, and the name of their file in a cut: continued pre-training (`swift pt`), supervised fine-tuning
of text, of the best short texts and of pictures, preference pairs, texts judged by a committee and by a vote, prompts
for reinforcement learning and those of the best short texts, pairs for a reward model.
"""

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
    "no-address",
    "no-section",
    "no-prose",
    "not-invertible",
    "round-trip",
    "not-drawable",
    "not-decidable",
    "no-picture",
    "not-better",
    "not-worth",
    "no-outcome",
    "quorum-missed",
    "signals-disagree",
    "close-vote",
    "over-share",
    "leaks-outcome",
    "not-writable",
    "other-matter",
    "later-evidence",
    "gap",
    "near-held-out",
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

    messages: tuple[Message, ...] = Field(min_length=1)
    dao_source: str
    dao_section: str
    dao_template: str


class CptRow(Row):
    """Continued pre-training: one assistant turn that holds the text, all of which is learnt."""

    messages: tuple[Message] = Field()


class SftRow(Row):
    """Supervised fine-tuning: the last turn is the assistant's and is learnt."""


class BestRow(SftRow):
    """A supervised row that every reward gives full marks, short enough for a small model (`data_prep.worth`)."""


class ChartRow(Row):
    """Supervised fine-tuning on one picture: `<image>` in the user's turn stands for it.

    `images` are paths below `ROOT_IMAGE_DIR`; `dao_chart_json` is the truth of the chart.
    """

    images: tuple[str, ...] = Field(min_length=1)
    dao_chart_json: str


class DpoRow(Row):
    """A preference pair: the last turn of `messages` is preferred to `rejected_response`.

    `dao_pair` tells how the pair came about.
    """

    rejected_response: str = Field(min_length=1)
    dao_pair: str


class FigureRow(Row):
    """A real figure to be described in evaluation, never trained on: `dao_around_json` is the text that stood by it."""

    images: tuple[str, ...] = Field(min_length=1)
    dao_around_json: str


class RmRow(Row):
    """A pair for a reward model: two conversations, of which the first is preferred by `margin`, in (0, 1].

    The two may have different prompts: a matched pair compares two proposals of one DAO.
    """

    rejected_messages: tuple[Message, ...] = Field(min_length=2)
    margin: float = Field(gt=0, le=1)
    dao_pair: str


class KtoRow(Row):
    """One judged text: `label` tells whether the committee wanted it."""

    label: bool


class VoteRow(KtoRow):
    """One judged text whose label is a vote and no judgement of the writing: kept apart, so that nobody mixes them."""


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


class BestPromptRow(GrpoRow):
    """The prompt of a text worth imitating that states figures: short, and every reward can be earned."""


ROW_OF: Mapping[Method, type[Row]] = {
    "cpt": CptRow,
    "sft": SftRow,
    "sft_best": BestRow,
    "sft_multimodal": ChartRow,
    "dpo": DpoRow,
    "kto": KtoRow,
    "kto_votes": VoteRow,
    "grpo": GrpoRow,
    "grpo_best": BestPromptRow,
    "rm": RmRow,
}


def index(evidence: tuple[Evidence, ...]) -> dict[str, Evidence]:
    """Index the evidence of a draft by id; a draft was checked for repeated ids when it was
    made.
    """
    return {item.id: item for item in evidence}
