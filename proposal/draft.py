"""A draft: model-written proposal text under review, with everything needed to check it again.

The draft carries its sections twice, as the model wrote them (with slots) and as the server filled them, the claims
with the evidence each rests on, and a manifest of hashes. Drafting produces it, the desk stores and shows it,
exports and the verifier read it.
"""

from __future__ import annotations

import datetime as dt
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from proposal.brief import Brief
from proposal.evidence import Evidence
from proposal.findings import Finding
from proposal.values import Language


class _Closed(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class DraftRequest(_Closed):
    """Input of drafting: one brief and the evidence it may cite."""

    brief: Brief
    evidence: tuple[Evidence, ...] = Field(min_length=1)


class SectionDraft(_Closed):
    """One finished section: `slotted` is what the writer produced, `text` is `slotted` with its slots filled.

    `writer` tells who wrote it: the model, or the server (tables, clauses, references).
    """

    key: str
    heading: str
    writer: Literal["model", "server", "person"]
    slotted: str
    text: str
    tokens: int = 0
    seconds: float = 0.0
    attempts: int = 1
    removed: tuple[str, ...] = ()


class Claim(_Closed):
    """One checkable statement of the text: its place, its figures and the evidence it cites.

    `verdict` is `supported` when every figure of the sentence equals a value of evidence cited in it or of the
    brief, `unsupported` otherwise.
    """

    text: str
    section: str
    start: int
    end: int
    figures: tuple[str, ...]
    cites: tuple[str, ...]
    from_brief: tuple[str, ...]
    verdict: Literal["supported", "unsupported"]
    reason: str = ""


class Sampling(_Closed):
    """Sampling values of one drafting run, sent explicitly so that no server default can change them."""

    temperature: float = 0.7
    top_p: float = 0.9
    repetition_penalty: float = 1.15
    max_tokens: int = 320
    seed: int = 7


class DraftManifest(_Closed):
    """What a draft was made from and by: enough to repeat it, and to tell two drafts apart."""

    created_at: dt.datetime
    software: str
    model: str
    model_hash: str
    adapter: str
    prompt_hash: str
    template: str
    template_version: str
    template_hash: str
    rules_hash: str
    brief_hash: str
    evidence_hash: str
    text_hash: str
    sampling: Sampling


class Draft(_Closed):
    """A whole draft."""

    title: str
    language: Language
    brief: Brief
    evidence: tuple[Evidence, ...]
    sections: tuple[SectionDraft, ...]
    text: str
    claims: tuple[Claim, ...]
    findings: tuple[Finding, ...]
    manifest: DraftManifest
