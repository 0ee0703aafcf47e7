"""What each part of a template allows alone but the whole does not.

Repeated headings, clauses that do not exist, sections that nobody writes, texts missing in a
language the template claims. It stands apart from the schema because the linter wants all
contradictions at once, while a schema stops at the first.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from proposal.errors import nearest
from proposal.headings import normal_heading
from proposal.template_schema import PLACEHOLDER, TITLE_PARTS, Template

Contradiction = tuple[str, str, str]
"""Where (a path such as `sections.2.aliases`), what is wrong, what to do."""


def contradictions(template: Template) -> Iterator[Contradiction]:
    """Yield what each part allows alone but the whole does not."""
    yield from _repeats("sections", (section.key for section in template.sections))
    yield from _repeats("front_matter.fields", (field.key for field in template.front_matter.fields))
    yield from _repeats("process", (fact.key for fact in template.process))
    yield from _repeats("limits", (f"{limit.venue} {limit.field}" for limit in template.limits))
    yield from _shared_headings(template)
    yield from _contents(template)
    yield from _types(template)
    yield from _titles(template)
    yield from _languages(template)
    impact = template.section("impact")
    if template.style.impact_assessment and (impact is None or not impact.drafted or impact.only_for):
        yield (
            "style.impact_assessment",
            "no section 'impact' assesses the impact in every draft",
            "add a section with key: impact (drafted, for all types)",
        )


def _repeats(where: str, keys: Iterable[str]) -> Iterator[Contradiction]:
    seen: set[str] = set()
    for index, key in enumerate(keys):
        if key in seen:
            yield f"{where}.{index}", f"'{key}' stands twice", "rename or delete one of them"
        seen.add(key)


def _shared_headings(template: Template) -> Iterator[Contradiction]:
    owner: dict[str, str] = {}
    for index, section in enumerate(template.sections):
        for name in section.names():
            if not normal_heading(name):
                yield f"sections.{index}", f"the heading '{name}' has no letters", "give it a name"
                continue
            other = owner.setdefault(normal_heading(name), section.key)
            if other != section.key:
                yield (
                    f"sections.{index}",
                    f"the heading '{name}' already names the section '{other}'",
                    "leave it with one section: a heading must lead to one place",
                )


def _contents(template: Template) -> Iterator[Contradiction]:
    holders: dict[str, list[str]] = {}
    for index, section in enumerate(template.sections):
        for content in section.contents():
            holders.setdefault(content, []).append(section.key)
            name = content.removeprefix("clause:")
            if content.startswith("clause:") and name not in template.clauses:
                near = nearest(name, template.clauses)
                yield (
                    f"sections.{index}",
                    f"there is no clause '{name}'",
                    f"did you mean '{near}'?" if near else f"add it under clauses: {name}",
                )
    for content, keys in holders.items():
        if len(keys) > 1:
            yield (
                "sections",
                f"'{content}' is held by {len(keys)} sections ({', '.join(keys)})",
                "keep it in one",
            )
    for needed in ("references", "disclosure", "conflicts"):
        if needed not in holders:
            yield (
                "sections",
                f"no section holds '{needed}'",
                f"give one section content: {needed}, or append: [{needed}]",
            )
    for needed in ("ai_disclosure", "conflicts_unknown"):
        if needed not in template.clauses:
            yield (
                "clauses",
                f"the clause '{needed}' is missing: the server prints it",
                "add it, or start the file with extends: generic",
            )


def _types(template: Template) -> Iterator[Contradiction]:
    keys = [section.key for section in template.sections]
    for type_, rules in template.types.items():
        for key in rules.sections:
            section = template.section(key)
            if section is None:
                near = nearest(key, keys)
                yield (
                    f"types.{type_}.sections",
                    f"there is no section '{key}'",
                    f"did you mean '{near}'?" if near else f"known: {', '.join(keys)}",
                )
            elif section.writer == "model" and section.guidance is None:
                yield (
                    f"types.{type_}.sections",
                    f"the section '{key}' has no guidance, so it cannot be drafted",
                    "give it guidance",
                )


def _titles(template: Template) -> Iterator[Contradiction]:
    patterns = {"title_pattern": template.title_pattern}
    patterns |= {f"title_accepts.{index}": pattern for index, pattern in enumerate(template.title_accepts)}
    if template.numbering is not None:
        patterns |= {
            "numbering.pattern": template.numbering.pattern,
            "numbering.unnumbered": template.numbering.unnumbered,
        }
    for where, pattern in patterns.items():
        for name in PLACEHOLDER.findall(pattern):
            if name not in TITLE_PARTS and name != "number":
                near = nearest(name, [*TITLE_PARTS, "number"])
                yield (
                    where,
                    f"'{{{name}}}' is not a placeholder",
                    f"did you mean '{{{near}}}'?" if near else f"known: {', '.join(TITLE_PARTS)}, number",
                )
        wanted = 0 if where == "numbering.pattern" else 1
        if pattern.count("{title}") != wanted:
            yield (
                where,
                f"holds '{{title}}' {pattern.count('{title}')} times, not {wanted}",
                "write a title such as '[ARFC] {title}', a number such as '#{year}-{seq}'",
            )
        if "{number}" in pattern and (template.numbering is None or where.startswith("numbering")):
            yield (
                where,
                "holds '{number}', but there is no numbering to take it from",
                "give numbering: pattern (such as '#{year}-{seq}'), unnumbered, assigned_by",
            )


def _languages(template: Template) -> Iterator[Contradiction]:
    texts = {f"sections.{index}.heading": section.heading for index, section in enumerate(template.sections)}
    texts |= {
        f"sections.{index}.guidance": section.guidance
        for index, section in enumerate(template.sections)
        if section.guidance is not None
    }
    texts |= {f"clauses.{name}.text": clause.text for name, clause in template.clauses.items()}
    texts |= {"style.guidance": template.style.guidance}
    for language in template.languages:
        for where, text in texts.items():
            if not (text.zh if language == "zh" else text.en):
                yield (
                    where,
                    f"the '{language}' text is missing",
                    f"add {language}:, or take '{language}' out of languages",
                )
        if len(template.voting.default.in_(language)) < 2:
            yield (
                "voting.default",
                f"the '{language}' options are missing",
                f"add at least two under {language}:",
            )
