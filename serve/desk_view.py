"""What the pages of a draft show: the version under review with its evidence and findings, or how far drafting is."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup

from proposal.brief import Brief
from proposal.checks import RULES
from proposal.checks.waivers import WaivedFinding, Waiver, covering, excerpt_hash, waivable
from proposal.draft import Draft
from proposal.evidence import Evidence
from proposal.findings import Finding
from proposal.values import format_value
from serve.action_view import shown_action
from serve.rendering import References, host_of, render
from serve.store import DraftRow, Transaction, Version

_ALL_EVENTS = 1_000_000
_RULES = {rule.id: rule for rule in RULES}


@dataclass(frozen=True, slots=True)
class ShownEvidence:
    """One card of the evidence rail."""

    item: Evidence
    title: str
    host: str
    values: tuple[tuple[str, str], ...]
    cited: int


@dataclass(frozen=True, slots=True)
class ShownFinding:
    """One finding with what reviewers said about letting it stand."""

    finding: Finding
    hash: str
    waivers: tuple[Waiver, ...]
    waived: bool
    waivable: bool

    @classmethod
    def of(cls, finding: Finding, version: Version) -> ShownFinding:
        gate = version.gate
        return cls(
            finding=finding,
            hash=excerpt_hash(finding),
            waivers=covering(finding, gate.waivers),
            waived=isinstance(finding, WaivedFinding),
            waivable=waivable(finding, gate.profile.overridable),
        )


@dataclass(slots=True)
class ShownSection:
    """One section while the draft is being written."""

    key: str
    heading: str
    state: str = "waiting"
    text: str = ""
    body: Markup | None = None


def shown_version(version: Version) -> dict[str, Any]:
    """Return what the draft's page shows of a version."""
    draft = version.draft
    to = _references(draft.evidence, draft.brief)
    cited = Counter(cite for claim in draft.claims for cite in set(claim.cites))
    return {
        "draft": draft,
        "text": render(draft.text, findings=draft.findings, to=to),
        "evidence": [_card(item, draft, cited[item.id]) for item in draft.evidence],
        "supported": sum(claim.verdict == "supported" for claim in draft.claims),
        "findings": [ShownFinding.of(finding, version) for finding in version.gate.findings(draft)],
        "severities": Counter(finding.severity for finding in draft.findings),
        "rules": _RULES,
        "actions": [shown_action(action) for action in draft.brief.actions],
    }


def _card(item: Evidence, draft: Draft, cited: int) -> ShownEvidence:
    language = draft.language
    return ShownEvidence(
        item=item,
        title=item.title_in(language),
        host=host_of(item.link),
        values=tuple(
            (value.label_in(language) or name.replace("_", " "), format_value(value, language))
            for name, value in item.values.items()
        ),
        cited=cited,
    )


def _references(evidence: tuple[Evidence, ...], brief: Brief) -> References:
    urls = {item.link for item in evidence} | ({brief.discussion_url} - {""})
    return References(ids={item.id for item in evidence}, urls=urls)


def shown_progress(tx: Transaction, row: DraftRow) -> dict[str, Any]:
    """Replay the stored events: how far each section has come, and the last event shown."""
    order = tx.request(row.id)
    to = _references(order.evidence, order.brief)
    sections: dict[str, ShownSection] = {}
    last_seq = 0
    for stored in tx.events(row.id, after=0, limit=_ALL_EVENTS):
        last_seq, event = stored.seq, stored.event
        if event.type == "started":
            for planned in event.data.get("sections", []):
                key = str(planned["key"])
                sections.setdefault(key, ShownSection(key, str(planned["heading"])))
        section = sections.get(event.section)
        if section is None:
            continue
        if event.type == "section_started":
            section.state, section.text = "writing", ""
        elif event.type == "delta":
            section.text += str(event.data.get("text", ""))
        elif event.type == "section_finished":
            section.state = "finished"
            section.body = render(str(event.data.get("text", "")), to=to).body
    for section in sections.values():
        if section.state == "writing" and row.stage != "drafting":
            section.state = "unfinished"
    return {"sections": list(sections.values()), "last_seq": last_seq}
