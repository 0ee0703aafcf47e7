"""Markdown with the front matter of the DAO's dialect: the file for its proposal repository.

What the front matter asks for and the draft cannot know (a number that an editor assigns) is named
as a problem and left out, never guessed.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from typing import Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field

from proposal.decisions import Review
from proposal.draft import Draft
from proposal.exports.result import Export, ExportProblem, length_of
from proposal.exports.text import normal, one_line, published_text, title_of
from proposal.template import FrontMatterField, Template

FILE = "proposal.md"


class MarkdownOptions(BaseModel):
    """`fields` sets front matter that the draft does not know; `fence` is the form around it.

    Repositories want `---`; forums show a ```yaml block and swallow the dashes.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    fields: dict[str, str] = Field(default_factory=dict, max_length=40)
    fence: Literal["dashes", "yaml-block"] = "dashes"


def to_markdown(draft: Draft, review: Review, *, template: Template, options: MarkdownOptions) -> Export:
    """Return `proposal.md`: front matter, the approved text, the statement of how it was made."""
    text = front_matter(draft, template, options) + published_text(draft, review)
    problems = tuple(_problems(draft, template, options))
    return Export("markdown", {FILE: text.encode("utf-8")}, problems)


def front_matter(draft: Draft, template: Template, options: MarkdownOptions) -> str:
    """Return the front matter with its fences, empty when the DAO has none."""
    data: dict[str, object] = {}
    for field in template.front_matter.fields:
        value = _value(field, draft, options)
        if value:
            data[field.key] = _typed(field, value)
    data.update({key: value for key, value in options.fields.items() if key not in data})
    if not data:
        return ""
    body = yaml.safe_dump(data, allow_unicode=True, sort_keys=False, width=10_000)
    before, after = ("---\n", "---\n\n") if options.fence == "dashes" else ("```yaml\n", "```\n\n")
    return before + body + after


def _value(field: FrontMatterField, draft: Draft, options: MarkdownOptions) -> str:
    if field.key in options.fields:
        return one_line(normal(options.fields[field.key]))
    known = {
        "title": title_of(draft),
        "authors": ", ".join(one_line(name) for name in draft.brief.authors),
        "date": draft.manifest.created_at.date().isoformat(),
        "discussion_url": draft.brief.discussion_url,
        "summary": one_line(draft.brief.topic),
        "default": field.default,
        "none": field.default,
    }
    return normal(known[field.fill])


def _typed(field: FrontMatterField, value: str) -> object:
    """Return the value as YAML prints it best: dates and integers bare, lists as lists."""
    if field.kind == "list":
        return [part.strip() for part in value.split(",")]
    if field.kind == "integer" and value.isascii() and value.isdigit():
        return int(value)
    if field.kind == "date":
        try:
            return dt.date.fromisoformat(value)
        except ValueError:
            return value
    return value


def _problems(draft: Draft, template: Template, options: MarkdownOptions) -> Iterator[ExportProblem]:
    values = {field.key: _value(field, draft, options) for field in template.front_matter.fields}
    for field in template.front_matter.fields:
        value = values[field.key]
        message = _field_problem(field, value, field.is_required(values))
        if message:
            yield ExportProblem(
                rule="EX-front-matter",
                severity="error" if value else "warning",
                message=f"'{field.key}' {message}",
                where=FILE,
                source=template.front_matter.source,
            )
    known = {field.key for field in template.front_matter.fields}
    for key in options.fields:
        if key not in known and template.front_matter.unknown_keys == "refuse":
            yield ExportProblem(rule="EX-front-matter", severity="error", where=FILE, message=(
                f"'{key}' is no field of this DAO's front matter"))  # fmt: skip


def _field_problem(field: FrontMatterField, value: str, required: bool) -> str:
    """Say what is wrong with one field's value; empty when it is right."""
    if not value:
        return "is required and unknown here: set it before publishing" if required else ""
    size = length_of(value)
    if not field.min_chars <= size <= field.max_chars:
        return f"has {size:,} characters ({field.min_chars:,} to {field.max_chars:,} allowed)"
    if field.kind == "enum" and value not in field.values:
        return f"is '{value[:60]}' (one of: {', '.join(field.values)})"
    typed = _typed(field, value)
    if field.kind == "date" and not isinstance(typed, dt.date):
        return f"is '{value[:60]}', not a date (YYYY-MM-DD)"
    if field.kind == "integer" and not isinstance(typed, int):
        return f"is '{value[:60]}', not a whole number"
    if field.kind == "url" and not value.startswith(("https://", "http://")):
        return f"is '{value[:60]}', not a link"
    return ""
