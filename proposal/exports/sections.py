"""The approved text cut at its headings, for venues with a field for each part; no word is lost between them."""

from __future__ import annotations

from collections.abc import Iterator

from proposal.document import parse
from proposal.draft import Draft
from proposal.exports.text import body_of
from proposal.template import Template


def section_texts(draft: Draft, template: Template) -> dict[str, str]:
    """Return the text under each heading that the template knows, by the template's key (the first of each)."""
    return {key: body for key, body, _ in reversed(list(_sections(draft, template))) if key}


def rest_of(draft: Draft, template: Template, taken: frozenset[str]) -> str:
    """Return everything but the sections taken, with its headings, as it was approved."""
    seen: set[str] = set()
    pieces = []
    for key, _, whole in _sections(draft, template):
        if key not in taken or key in seen:
            pieces.append(whole)
        seen.add(key)
    return "\n\n".join(piece for piece in pieces if piece)


def _sections(draft: Draft, template: Template) -> Iterator[tuple[str, str, str]]:
    """Yield key ("" when the template does not know it), text without heading, and text with it."""
    document = parse(body_of(draft))
    for section in document.sections:
        specs = template.specs_for_heading(section.title) if section.level else ()
        whole = document.text[section.start : section.end].strip()
        yield specs[0].key if specs else "", document.body(section).strip(), whole
