"""Title, front matter, lengths and process facts: what the place of publication asks for.

A limit that the venue can change (`fetch_live`) warns and does not block: the true limit is unknown here, and unknown
is not a violation. A missing block of front matter warns too, because the export writes it; a wrong block blocks.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterator
from dataclasses import replace
from urllib.parse import urlsplit

from proposal.checks.framework import CheckContext, Hit, Rule
from proposal.document import Option
from proposal.errors import nearest
from proposal.findings import Severity
from proposal.template import FrontMatterField, Limit, normal_heading

# --- title -------------------------------------------------------------------------------------------------------


def title_place(context: CheckContext) -> tuple[int, int]:
    """Return where the title stands: its heading, or the first character."""
    for section in context.document.sections:
        if section.level > 0:
            if section.title.strip() == context.document.title.strip():
                return section.start, section.body_start
            break
    return 0, 0


def title_pattern(context: CheckContext) -> Iterator[Hit]:
    """Report a title that does not follow the DAO's pattern."""
    title = context.document.title.strip()
    if not title:
        if context.brief is not None:
            yield Hit(0, 0, "the text has no title")
        return
    problem = context.template.title_problem(title)
    if problem:
        yield Hit(*title_place(context), problem)


# --- lengths -----------------------------------------------------------------------------------------------------


def title_length(context: CheckContext) -> Iterator[Hit]:
    """Report a title that a venue of the template refuses."""
    title = context.document.title.strip()
    if title:
        for limit in _limits(context, "title"):
            yield from _over(limit, len(title), "the title has", title_place(context))


def body_length(context: CheckContext) -> Iterator[Hit]:
    """Report a body that a venue of the template refuses; nothing is ever cut to fit."""
    start = title_place(context)[1]
    size = len(context.text[start:].strip())
    for limit in _limits(context, "body"):
        place = (start + limit.max, len(context.text)) if limit.max and size > limit.max else (start, start)
        yield from _over(limit, size, "the body has", place)


def summary_length(context: CheckContext) -> Iterator[Hit]:
    """Report an abstract or description that a venue of the template refuses."""
    section = context.sections_by_key.get("summary")
    if section is not None:
        end = next((s.start for s in context.document.sections[section.index + 1 :] if s.level <= section.level),
                   len(context.text))  # fmt: skip
        size = len(context.text[section.body_start : end].strip())
        for limit in _limits(context, "abstract") if size else ():  # an empty one is an empty section
            yield from _over(limit, size, "the abstract has", (section.body_start, end))
    description = context.document.front_matter.get("description")
    if isinstance(description, str):
        for limit in _limits(context, "description"):
            yield from _over(limit, len(description), "the description has", (0, 0))


def choice_lengths(context: CheckContext) -> Iterator[Hit]:
    """Report voting options that a venue refuses: too many, or one too long.

    In a text that is not our draft the words on the ballot are not known to be the words printed, so that warns.
    """
    options = context.document.options
    if not options:
        return
    for limit in _limits(context, "choices"):
        yield from _over(limit, len(options), "there are", (options[0].start, options[-1].end))
    for limit in _limits(context, "choice"):
        for option in options:
            for hit in _over(limit, len(option_label(option)), "the option has", (option.start, option.end)):
                yield hit if context.brief is not None else replace(hit, severity="warning")


_LABEL_END = re.compile(r"[:：]|\*\*|[ ][-–—][ ]|——")


def option_label(option: Option) -> str:
    """Return what stands on the ballot: the option without the explanation behind it."""
    text = option.text.strip().lstrip("*_ ")
    return _LABEL_END.split(text, maxsplit=1)[0].strip() or text


def _limits(context: CheckContext, field: str) -> Iterator[Limit]:
    return (limit for limit in context.template.limits if limit.field == field)


def _over(limit: Limit, size: int, what: str, place: tuple[int, int]) -> Iterator[Hit]:
    count = f"{what} {size:,} {'items' if limit.unit == 'items' else 'characters'}"
    note = " (the venue may have set another limit: ask it)" if limit.fetch_live else ""
    severity: Severity | None = "warning" if limit.fetch_live else None
    if limit.max is not None and size > limit.max:
        yield Hit(*place, f"{count}, {limit.venue} takes at most {limit.max:,}{note}", severity)
    elif limit.min is not None and size < limit.min:
        yield Hit(*place, f"{count}, {limit.venue} takes at least {limit.min:,}{note}", severity)
    elif limit.warn is not None and size > limit.warn:
        yield Hit(*place, f"{count}, close to the {limit.max or limit.warn:,} of {limit.venue}", "warning")


# --- front matter ------------------------------------------------------------------------------------------------


def front_matter_missing(context: CheckContext) -> Iterator[Hit]:
    """Report required keys that the front matter lacks."""
    spec, found = context.template.front_matter, context.document.front_matter
    required = [field.key for field in spec.fields if field.is_required(found)]
    if not found:
        if spec.required and required:
            yield Hit(0, 0, f"there is no front matter; it needs {', '.join(required)}", "warning")
        return
    place = _front_matter_place(context)
    for key in required:
        if found.get(key) in (None, "", []):
            yield Hit(*place, f"the front matter lacks “{key}”")


def front_matter_unknown(context: CheckContext) -> Iterator[Hit]:
    """Report keys that the DAO's front matter does not know."""
    spec = context.template.front_matter
    if spec.unknown_keys != "refuse":
        return
    known = [field.key for field in spec.fields]
    for key in context.document.front_matter:
        if str(key) not in known:
            near = nearest(str(key), known)
            hint = f"did you mean “{near}”?" if near else f"known: {', '.join(known)}"
            yield Hit(*_key_place(context, str(key)), f"unknown key “{key}” in the front matter ({hint})")


def front_matter_values(context: CheckContext) -> Iterator[Hit]:
    """Report values that are none of those allowed, or too long or short."""
    for field, value in _stated(context):
        place = _key_place(context, field.key)
        text = str(value)
        if field.kind == "enum" and text.casefold() not in {allowed.casefold() for allowed in field.values}:
            yield Hit(*place, f"“{field.key}” is “{text[:60]}”; allowed: {', '.join(field.values)}")
        elif field.kind == "integer" and not (isinstance(value, int) or text.strip().isdecimal()):
            yield Hit(*place, f"“{field.key}” is “{text[:60]}”, not a whole number")
        elif field.kind == "url" and not _is_url(text):
            yield Hit(*place, f"“{field.key}” is “{text[:60]}”, not a link")
        elif field.kind == "text" and not field.min_chars <= len(text) <= field.max_chars:
            band = f"{field.min_chars} to {field.max_chars}"
            yield Hit(*place, f"“{field.key}” has {len(text)} characters; allowed: {band}")


def front_matter_dates(context: CheckContext) -> Iterator[Hit]:
    """Report dates that are not written YYYY-MM-DD."""
    for field, value in _stated(context):
        if field.kind == "date" and not isinstance(value, dt.date) and not _is_date(str(value)):
            message = f"“{field.key}” is “{str(value)[:40]}”, not a date written YYYY-MM-DD"
            yield Hit(*_key_place(context, field.key), message)


def front_matter_order(context: CheckContext) -> Iterator[Hit]:
    """Report keys that do not stand in the DAO's order."""
    spec = context.template.front_matter
    if not spec.ordered:
        return
    positions = {field.key: index for index, field in enumerate(spec.fields)}
    highest, before = -1, ""
    for key in map(str, context.document.front_matter):
        if key not in positions:
            continue
        if positions[key] < highest:
            yield Hit(*_key_place(context, key), f"“{key}” belongs before “{before}”")
        else:
            highest, before = positions[key], key


def _stated(context: CheckContext) -> Iterator[tuple[FrontMatterField, object]]:
    for field in context.template.front_matter.fields:
        value = context.document.front_matter.get(field.key)
        if value not in (None, "", []):
            yield field, value


def _front_matter_place(context: CheckContext) -> tuple[int, int]:
    for block in context.document.blocks:
        if block.kind == "front_matter":
            return block.start, block.end
    return 0, 0


def _key_place(context: CheckContext, key: str) -> tuple[int, int]:
    """Return the line of a key in the front matter."""
    start, end = _front_matter_place(context)
    position = start
    for line in context.text[start:end].splitlines(keepends=True):
        if line.lstrip().startswith(f"{key}:"):
            return position, position + len(line.rstrip())
        position += len(line)
    return start, end


def _is_url(text: str) -> bool:
    return text.startswith(("https://", "http://")) and len(text) > 10 and not any(map(str.isspace, text))


def _is_date(text: str) -> bool:
    try:
        return len(text) == 10 and dt.date.fromisoformat(text) is not None
    except ValueError:
        return False


# --- process -----------------------------------------------------------------------------------------------------

_DISCUSSION_KEYS = ("discussions-to", "discussions", "discussion", "discussion-to", "discussion_url", "forum")


def discussion_thread(context: CheckContext) -> Iterator[Hit]:
    """Report a discussion link that leads to the front page of a forum instead of a thread."""
    for key in _DISCUSSION_KEYS:
        value = context.document.front_matter.get(key)
        for url in value if isinstance(value, list) else [value]:
            if isinstance(url, str) and _is_root(url):
                yield Hit(*_key_place(context, key), f"“{url[:80]}” is the front page of a site, not a thread")
    for link in context.document.links:
        label = normal_heading(link.text) if link.text != link.url else ""
        if label in _DISCUSSION_LABELS and _is_root(link.url):
            yield Hit(link.start, link.end, f"“{link.url[:80]}” is the front page of a site, not a thread")


_DISCUSSION_LABELS = frozenset(
    normal_heading(label)
    for label in ("Discussion", "Discussion thread", "Forum", "Forum thread", "Forum post", "Forum discussion", "讨论",
                  "论坛", "论坛讨论", "讨论帖", "Temp check discussion link", "Discuss")
)  # fmt: skip


def _is_root(url: str) -> bool:
    """Tell whether a link names a site and nothing on it."""
    try:
        parts = urlsplit(url.strip())
    except ValueError:
        return False
    return bool(parts.netloc) and parts.path in ("", "/") and not parts.query and not parts.fragment


def process_facts(context: CheckContext) -> Iterator[Hit]:
    """Report the links and fixed phrases that the DAO's process asks for and the text lacks."""
    language = context.language
    place = title_place(context)
    for fact in context.template.process:
        if fact.kind == "link_required":
            urls = [link.url.casefold() for link in context.document.links]
            urls += [str(value).casefold() for value in context.document.front_matter.values()]
            urls += [context.brief.discussion_url.casefold()] if context.brief else []
            found = any(word.casefold() in url for word in fact.words for url in urls)
        elif fact.kind == "phrase":
            found = any(word.casefold() in context.text.casefold() for word in fact.words)
        else:
            continue
        if not found:
            yield Hit(*place, fact.text.in_(language))


RULES: tuple[Rule, ...] = (
    Rule(
        id="ST-frontmatter-missing", family="structure", severity="error", title="The front matter lacks a key",
        clause="The front matter states every key that the DAO's format requires (a missing block only warns: the "
               "export writes it).",
        fix="Add the key with its value.", check=front_matter_missing,
    ),
    Rule(
        id="ST-frontmatter-unknown", family="structure", severity="error", title="The front matter has an unknown key",
        clause="The front matter holds no key that the DAO's format does not know, where the format refuses such keys.",
        fix="Correct the spelling of the key, or delete it.", check=front_matter_unknown,
    ),
    Rule(
        id="ST-frontmatter-enum", family="structure", severity="error", title="A value that is not allowed",
        clause="A value of the front matter is one of those, or of the kind, that the DAO's format allows.",
        fix="Use one of the allowed values.", check=front_matter_values,
    ),
    Rule(
        id="ST-frontmatter-date", family="structure", severity="error", title="A date in another form",
        clause="Dates of the front matter are written YYYY-MM-DD.",
        fix="Write the date as YYYY-MM-DD.", check=front_matter_dates,
    ),
    Rule(
        id="ST-frontmatter-order", family="structure", severity="warning", title="Keys in another order",
        clause="The keys of the front matter stand in the order of the DAO's format, where it sets one.",
        fix="Move the key to its place.", check=front_matter_order,
    ),
    Rule(
        id="ST-title-prefix", family="structure", severity="error", title="The title does not follow the pattern",
        clause="The title follows the DAO's pattern: its tag and number.",
        fix="Write the title as the pattern in the message shows.", check=title_pattern,
    ),
    Rule(
        id="ST-len-title", family="structure", severity="error", title="The title has the wrong length",
        clause="The title fits every venue of the template.",
        fix="Shorten the title; nothing is ever cut for you.", check=title_length,
    ),
    Rule(
        id="ST-len-desc", family="structure", severity="error", title="The abstract has the wrong length",
        clause="The abstract or description fits every venue of the template.",
        fix="Shorten it; nothing is ever cut for you.", check=summary_length,
    ),
    Rule(
        id="ST-len-body", family="structure", severity="error", title="The body has the wrong length",
        clause="The body fits every venue of the template (a limit that the venue can change only warns).",
        fix="Shorten the body, or publish at a venue that takes it; nothing is ever cut for you.", check=body_length,
    ),
    Rule(
        id="ST-len-choices", family="structure", severity="error", title="Voting options do not fit",
        clause="Number and length of the voting options fit every venue of the template.",
        fix="Shorten the option, or offer fewer.", check=choice_lengths,
    ),
    Rule(
        id="ST-discussion-thread", family="structure", severity="error", title="The discussion link is no thread",
        clause="The link to the discussion leads to a thread, not to the front page of a forum.",
        fix="Link the thread in which this proposal is discussed.", check=discussion_thread,
    ),
    Rule(
        id="ST-process", family="structure", severity="warning", title="A step of the DAO's process is not shown",
        clause="The text holds the links and fixed phrases that the DAO's process asks for.",
        fix="Add the link or phrase once the step has been taken.", check=process_facts,
    ),
)  # fmt: skip
