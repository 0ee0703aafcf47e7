"""From finished sections to the text of a draft, and from the text to its claims.

Headings, order and the reference list are the server's, so a draft has every section of its template by construction.
"""

from __future__ import annotations

from collections.abc import Sequence

from proposal.brief import Brief
from proposal.document import Amount, Block, DateMention, Document, Sentence, parse
from proposal.draft import Claim, SectionDraft
from proposal.evidence import EvidenceSet
from proposal.findings import Finding
from proposal.matching import date_supported_by, supported_by
from proposal.template import SectionSpec

CLAIM_RULES = frozenset({"EV-uncited-claim", "EV-number", "EV-dangling"})
"""Findings that make the claim they lie in unsupported."""


def assemble(title: str, sections: Sequence[tuple[SectionSpec, SectionDraft]]) -> str:
    """Return the whole Markdown text; a section without text is left out only when it is not required."""
    parts = [f"# {title}"]
    for spec, section in sections:
        if section.text or spec.required:
            parts.append(f"{'#' * spec.level} {section.heading}\n\n{section.text}".rstrip())
    return "\n\n".join(parts) + "\n"


def claims_of(text: str, *, findings: Sequence[Finding], evidence: EvidenceSet, brief: Brief) -> tuple[Claim, ...]:
    """List every checkable statement of the text: sentences and table rows with a figure, a date or a citation.

    The verdict is that of the checks (`findings` of this very text): there is one definition of a supported figure. A
    line that cites and links is an entry of the reference list: it says where a fact stands and claims nothing.
    """
    document = parse(text)
    entries = [block for block in document.blocks if _is_reference(block, document)]
    problems = [finding for finding in findings if finding.rule in CLAIM_RULES]
    return tuple(
        _claim(sentence, document, [p for p in problems if sentence.start <= p.start < sentence.end], evidence, brief)
        for sentence in document.sentences
        if _is_checkable(sentence, document) and not any(entry.start <= sentence.start < entry.end for entry in entries)
    )


def _is_reference(block: Block, document: Document) -> bool:
    inside = (block.start, block.end)
    return block.kind == "list_item" and bool(
        document.within(document.citations, *inside) and document.within(document.links, *inside)
    )


def _is_checkable(sentence: Sentence, document: Document) -> bool:
    citations = document.within(document.citations, sentence.start, sentence.end)
    return bool(citations or _figures(sentence, document))


def _figures(sentence: Sentence, document: Document) -> list[Amount | DateMention]:
    amounts = [a for a in document.within(document.amounts, sentence.start, sentence.end) if a.checkable]
    dates = [d for d in document.within(document.dates, sentence.start, sentence.end) if d.precision == "day"]
    return sorted([*amounts, *dates], key=lambda figure: figure.start)


def _claim(
    sentence: Sentence, document: Document, problems: Sequence[Finding], evidence: EvidenceSet, brief: Brief
) -> Claim:
    cites = tuple(dict.fromkeys(c.id for c in document.within(document.citations, sentence.start, sentence.end)))
    items = [evidence[item_id] for item_id in cites if item_id in evidence]
    figures = _figures(sentence, document)
    from_brief: dict[str, None] = {}
    for figure in figures:
        stated = date_supported_by if isinstance(figure, DateMention) else supported_by
        from_brief.update({use.name: None for use in stated(figure, items, brief) if use.source == "P"})  # type: ignore[arg-type]
    return Claim(
        text=sentence.text,
        section=document.section_of(sentence.start).title,
        start=sentence.start,
        end=sentence.end,
        figures=tuple(figure.text for figure in figures),
        cites=cites,
        from_brief=tuple(from_brief),
        verdict="unsupported" if problems else "supported",
        reason="; ".join(problem.message for problem in problems),
    )
