"""Builders for tests of data_prep: a case, and a draft of it with what a committee decided."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence

from data_prep.records import Case, ReviewedDraft
from data_prep.rows import prompts
from proposal.brief import Brief
from proposal.decisions import Ballot, Decision, Review, append_decision, subject_of
from proposal.draft import Draft, DraftManifest, Sampling, SectionDraft
from proposal.evidence import Evidence
from proposal.sections import Material, server_text
from proposal.slots import fill
from proposal.template import ReviewProfile, load_template

NOW = dt.datetime(2026, 11, 2, 9, 30, tzinfo=dt.UTC)


def a_case(**sections: str) -> Case:
    """Build a case with one evidence item whose facts the plan puts into its first section."""
    brief = Brief.model_validate(
        {
            "topic": "Creator rebate",
            "ask": "Spend on a rebate for creators",
            "type": "funding",
            "dao": "Example DAO",
            "authors": ["Ada"],
            "parameters": {"budget": {"value": 45000, "unit": "USDC", "label": "budget"}},
        }
    )
    evidence = Evidence.model_validate(
        {
            "id": "E1",
            "kind": "metric",
            "title": "Marketplace sales",
            "url": "https://data.example.org/sales",
            "retrieved_at": "2026-10-01T00:00:00Z",
            "values": {
                "sales_q2": {"value": 120000, "unit": "USDC", "label": "sales in the second quarter"},
                "sales_q3": {"value": 90000, "unit": "USDC", "label": "sales in the third quarter"},
            },
        }
    )
    return Case("cases/rebate", brief, {"E1": evidence}, sections)


def full_case(**changed: str) -> Case:
    """Build a case in which every section has a text that states what its prompt asks for."""
    case = a_case()
    texts = {}
    for prompt in prompts(case, load_template(case.brief.template)):
        facts = " ".join(fact.sentence("en") for fact in prompt.facts)
        texts[prompt.spec.key] = f"This section on the {prompt.spec.key} is plain. {facts}".strip()
    return a_case(**{**texts, **changed})


def a_draft(case: Case, *, writer: str = "model") -> Draft:
    """Build the draft that serving would store: model sections carry what the server appends."""
    template = load_template(case.brief.template)
    material = Material(case.brief, case.evidence, template)
    sections = []
    for prompt in prompts(case, template):
        appended = [server_text(content, material) for content in prompt.spec.append]
        slotted = "\n\n".join([case.sections[prompt.spec.key], *filter(None, appended)])
        filled = fill(slotted, evidence=case.evidence, brief=case.brief, language="en")
        heading = prompt.spec.heading_in("en")
        sections.append(
            SectionDraft.model_validate(
                {
                    "key": prompt.spec.key,
                    "heading": heading,
                    "writer": writer,
                    "slotted": slotted,
                    "text": filled.text,
                }
            )
        )
    return _draft(case, sections)


def _draft(case: Case, sections: Sequence[SectionDraft]) -> Draft:
    text = "# Creator rebate\n\n" + "\n\n".join(f"## {s.heading}\n\n{s.text}" for s in sections)
    hashes = dict.fromkeys(
        ("prompt_hash", "template_hash", "rules_hash", "brief_hash", "evidence_hash", "text_hash"),
        "0" * 64,
    )
    manifest = DraftManifest.model_validate(
        {
            "created_at": NOW,
            "software": "dao-proposal-agent 0.1.0",
            "model": "base",
            "model_hash": "",
            "adapter": "",
            "template": "generic",
            "template_version": "1.0",
            "sampling": Sampling(),
            **hashes,
        }
    )
    return Draft(
        title="Creator rebate",
        language="en",
        brief=case.brief,
        evidence=tuple(case.evidence.values()),
        sections=tuple(sections),
        text=text,
        claims=(),
        findings=(),
        manifest=manifest,
    )


def reviewed(draft: Draft, verdicts: Mapping[str, str], *, version: int = 1) -> ReviewedDraft:
    """Let reviewers decide on a draft, one after the other."""
    profile = ReviewProfile()
    subject = subject_of(draft, draft_id="d-1", version=version, profile=profile)
    chain: list[Decision] = []
    for hours, (reviewer, verdict) in enumerate(verdicts.items(), 1):
        ballot = Ballot.model_validate(
            {
                **subject.model_dump(exclude={"opened_at"}),
                "reviewer": reviewer,
                "verdict": verdict,
                "reason": "" if verdict == "approve" else "The budget has no milestone.",
                "decided_at": NOW + dt.timedelta(hours=hours),
            }
        )
        chain.append(append_decision(ballot, previous=chain[-1] if chain else None))
    review = Review(
        draft_id="d-1",
        version=version,
        profile=profile,
        decisions=tuple(chain),
        asked_at=NOW + dt.timedelta(days=1),
    )
    return ReviewedDraft(draft=draft, review=review)
