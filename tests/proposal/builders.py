"""Builders of test inputs: a brief, evidence, a consistent draft and its review, in one line
each.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence

from proposal.assemble import claims_of
from proposal.brief import Brief
from proposal.checks import rules_hash, run_checks
from proposal.decisions import Ballot, Decision, Review, append_decision, subject_of
from proposal.draft import Draft, DraftManifest, Sampling, SectionDraft
from proposal.evidence import Evidence, evidence_hash
from proposal.findings import Finding
from proposal.hashing import sha256_data, sha256_text
from proposal.template import ReviewProfile, Template
from proposal.values import Value

NOW = dt.datetime(2026, 11, 2, 9, 30, tzinfo=dt.UTC)
LATER = NOW + dt.timedelta(hours=5)

TEXT = """# Fund a creator rebate

## Summary

The proposal asks the DAO to spend 45,000 USDC on a rebate for creators. Sales fell from \
120,000 USDC to 90,000 USDC between two quarters [E1].

## Motivation

The vote of the members passed with a turnout of 37.5% [E2]. The forum discussed the \
rebate at length.

## Disclosure

This text was drafted with the help of a language model.

## References

- [E1] Marketplace sales. Example Data, 2026-10-01 (retrieved). <https://data.example.org/sales>
- [E2] Vote on the rebate. Example Votes, 2026-10-01 (retrieved). <https://vote.example.org/12>
"""


def a_template(**fields: object) -> Template:
    """Build the smallest complete template, so that tests do not follow the shipped ones."""
    both = {"en": "Text", "zh": "文本"}
    base = {
        "name": "tiny",
        "version": "1.0",
        "dao": "Example DAO",
        "about": both,
        "title_pattern": "{title}",
        "languages": ["en", "zh"],
        "source": ["own test template"],
        "sections": [
            {
                "key": "references",
                "heading": {"en": "References", "zh": "参考资料"},
                "required": False,
                "writer": "server",
                "content": "references",
                "append": ["disclosure"],
            }
        ],
        "style": {"tone": "concise", "guidance": both},
        "voting": {"default": {"en": ["For", "Against"], "zh": ["赞成", "反对"]}},
    }
    return Template.model_validate({**base, **fields})


def a_value(value: object, unit: str = "", **more: object) -> Value:
    return Value.model_validate({"value": value, "unit": unit, **more})


def an_evidence(id: str = "E1", **fields: object) -> Evidence:
    """Build one evidence item; `values` may be given as {name: (value, unit)}."""
    raw = fields.pop("values", {"sales": (90_000, "USDC")})
    assert isinstance(raw, dict)
    values = {name: a_value(*pair) if isinstance(pair, tuple) else pair for name, pair in raw.items()}
    base = {
        "id": id,
        "kind": "metric",
        "title": "Marketplace sales",
        "publisher": "Example Data",
        "url": "https://data.example.org/sales",
        "retrieved_at": dt.datetime(2026, 10, 1, tzinfo=dt.UTC),
        "values": values,
    }
    return Evidence.model_validate({**base, **fields})


def some_evidence() -> tuple[Evidence, ...]:
    return (
        an_evidence(values={"before": (120_000, "USDC"), "after": (90_000, "USDC")}),
        an_evidence(
            "E2",
            kind="vote",
            title="Vote on the rebate",
            publisher="Example Votes",
            url="https://vote.example.org/12",
            values={"turnout": ("37.5", "%")},
            excerpt="The vote passed with the support of most members.",
        ),
    )


def a_brief(**fields: object) -> Brief:
    base = {
        "topic": "Creator rebate",
        "ask": "Spend on a rebate for creators",
        "type": "funding",
        "dao": "Example DAO",
        "authors": ("Ada",),
        "parameters": {"budget": a_value(45_000, "USDC")},
        "options": ("For", "Against", "Abstain"),
        "discussion_url": "https://forum.example.org/t/rebate/42",
    }
    return Brief.model_validate({**base, **fields})


def a_draft(
    text: str = TEXT,
    *,
    evidence: Sequence[Evidence] | None = None,
    brief: Brief | None = None,
    template: Template | None = None,
    findings: Sequence[Finding] | None = None,
) -> Draft:
    """Build a draft whose title, sections, claims, findings and hashes all belong to `text`."""
    items = tuple(some_evidence() if evidence is None else evidence)
    brief = brief or a_brief()
    template = template or a_template()
    indexed = {item.id: item for item in items}
    title = text.split("\n", 1)[0].removeprefix("# ").strip()
    found = run_checks(text, template=template, language=brief.language, evidence=indexed, brief=brief)
    return Draft(
        title=title,
        language=brief.language,
        brief=brief,
        evidence=items,
        sections=_sections(text),
        text=text,
        claims=claims_of(text, findings=found, evidence=indexed, brief=brief),
        findings=tuple(found if findings is None else findings),
        manifest=a_manifest(text, items, brief, template),
    )


def _sections(text: str) -> tuple[SectionDraft, ...]:
    parts = [part.partition("\n") for part in text.split("\n## ")[1:]]
    return tuple(
        SectionDraft(
            key=heading.strip().lower().replace(" ", "_"),
            heading=heading.strip(),
            writer="model",
            slotted=body.strip(),
            text=body.strip(),
        )
        for heading, _, body in parts
    )


def a_manifest(text: str, evidence: Sequence[Evidence], brief: Brief, template: Template) -> DraftManifest:
    return DraftManifest(
        created_at=NOW,
        software="dao-proposal-agent 0.1.0",
        model="base",
        model_hash="sha256:" + "ab" * 32,
        adapter="",
        prompt_hash=sha256_text("prompt"),
        template=template.name,
        template_version=template.version,
        template_hash=template.hash,
        rules_hash=rules_hash(),
        brief_hash=sha256_data(brief),
        evidence_hash=evidence_hash({item.id: item for item in evidence}),
        text_hash=sha256_text(text),
        sampling=Sampling(),
    )


def a_ballot(
    draft: Draft,
    reviewer: str = "Grace",
    verdict: str = "approve",
    *,
    version: int = 1,
    **fields: object,
) -> Ballot:
    """Build a ballot on the draft; `profile` and `reason` may be given."""
    profile = fields.pop("profile", ReviewProfile())
    assert isinstance(profile, ReviewProfile)
    subject = subject_of(draft, draft_id="d-1", version=version, profile=profile)
    base = {
        **subject.model_dump(exclude={"opened_at"}),
        "reviewer": reviewer,
        "verdict": verdict,
        "reason": "" if verdict == "approve" else "The budget has no milestone.",
        "decided_at": NOW + dt.timedelta(hours=1),
    }
    return Ballot.model_validate({**base, **fields})


def a_chain(*ballots: Ballot) -> tuple[Decision, ...]:
    """Place ballots one behind the other."""
    chain: list[Decision] = []
    for ballot in ballots:
        chain.append(append_decision(ballot, previous=chain[-1] if chain else None))
    return tuple(chain)


def a_review(
    draft: Draft,
    *verdicts: tuple[str, str],
    profile: ReviewProfile | None = None,
    version: int = 1,
) -> Review:
    """Build a review from (reviewer, verdict) pairs; two approvals when none are given."""
    profile = profile or ReviewProfile()
    pairs = verdicts or (("Grace", "approve"), ("Ken", "approve"))
    ballots = [a_ballot(draft, name, verdict, version=version, profile=profile) for name, verdict in pairs]
    return Review(
        draft_id="d-1",
        version=version,
        profile=profile,
        decisions=a_chain(*ballots),
        asked_at=LATER,
    )
