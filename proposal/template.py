"""Reading templates: built in or a DAO's own file, with inheritance, venue limits, and a linter.

A template is data and never code, so a DAO adds its own by one YAML file. A file may start with
`extends: <name>` and state only what differs; its `sections` list is always complete and in order,
an entry with a known key takes the rest from the parent, and `process` facts are added to the
parent's. What a request names is looked up among the built-in names only (`builtin_template`): a
path must never come from the network.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel, ConfigDict, ValidationError

from proposal.errors import AgentError, ConfigError, InputError, NotFoundError, nearest
from proposal.headings import normal_heading
from proposal.inputs import read_structured
from proposal.template_schema import (
    Bilingual,
    Clause,
    FrontMatter,
    FrontMatterField,
    Limit,
    Numbering,
    ProcessFact,
    Requirement,
    ReviewProfile,
    SectionSpec,
    Style,
    Template,
    TypeRules,
    Voting,
)
from proposal.template_whole import contradictions

__all__ = [
    "Bilingual",
    "Clause",
    "FrontMatter",
    "FrontMatterField",
    "Limit",
    "Numbering",
    "ProcessFact",
    "Requirement",
    "ReviewProfile",
    "SectionSpec",
    "Style",
    "Template",
    "TemplateProblem",
    "TypeRules",
    "Voting",
    "builtin_template",
    "lint_template",
    "load_template",
    "normal_heading",
    "template_for_dao",
    "template_names",
    "venue_limits",
    "venue_names",
]

TEMPLATE_FOLDER = Path(__file__).parent / "templates"
VENUES_FILE = TEMPLATE_FOLDER / "_venues.yaml"

CHARACTERS_PER_WORD = 6
"""Length of an English word with its space: tells whether the length bands fit a venue."""


class TemplateProblem(BaseModel):
    """One thing that is wrong with a template file: where, what, and what to do."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    where: str
    message: str
    fix: str = ""

    def __str__(self) -> str:
        return f"{self.where}: {self.message}" + (f"\n  to do: {self.fix}" if self.fix else "")


@functools.lru_cache(maxsize=1)
def template_names() -> tuple[str, ...]:
    """Return the names of the built-in templates, sorted."""
    return tuple(sorted(path.stem for path in TEMPLATE_FOLDER.glob("[!_]*.yaml")))


def builtin_template(name: str) -> Template:
    """Return a built-in template; it never opens a file that the caller names."""
    if name not in template_names():
        near = nearest(name[:80], template_names())
        raise NotFoundError(
            f"there is no template '{name[:80]}'",
            expected=f"one of: {', '.join(template_names())}",
            fix=f"did you mean '{near}'?" if near else "choose one of these",
        )
    return _load_builtin(name)


def load_template(name_or_path: str) -> Template:
    """Return a built-in template by name, or read a DAO's own `.yaml`, `.yml` or `.json` file.

    >>> load_template("generic").sections[0].key
    'summary'
    """
    if name_or_path.lower().endswith((".yaml", ".yml", ".json")) or "/" in name_or_path:
        return _read_template(Path(name_or_path))
    return builtin_template(name_or_path)


def template_for_dao(dao: str) -> str:
    """Return the template that takes any proposal of a DAO, "generic" when there is none.

    >>> template_for_dao("Aave")
    'aave'
    """
    wanted = normal_heading(dao).removesuffix("dao")
    for name in template_names():
        template = _load_builtin(name)
        if not template.stage and normal_heading(template.dao).removesuffix("dao") == wanted:
            return name
    return "generic"


@functools.lru_cache(maxsize=64)
def _load_builtin(name: str) -> Template:
    return _read_template(TEMPLATE_FOLDER / f"{name}.yaml")


def _read_template(path: Path) -> Template:
    data = _with_venue_limits(_resolve(path))
    try:
        template = Template.model_validate(data)
        problems = list(contradictions(template))
    except ValidationError as error:
        problems = _field_problems(error)
    if problems:
        raise ConfigError(
            "; ".join(f"{place}: {message}" for place, message, _ in problems),
            where=str(path),
            fix="run: dao-agent template lint FILE",
        )
    return template


# --- venues ---


@functools.lru_cache(maxsize=1)
def _venues() -> dict[str, tuple[Limit, ...]]:
    data = yaml.safe_load(VENUES_FILE.read_text(encoding="utf-8"))
    return {venue: tuple(Limit(venue=venue, **limit) for limit in limits) for venue, limits in data.items()}


def venue_names() -> tuple[str, ...]:
    """Return the venues whose limits are known."""
    return tuple(sorted(_venues()))


def venue_limits(venue: str) -> tuple[Limit, ...]:
    """Return the known limits of a venue (none for a venue we do not know)."""
    return _venues().get(venue, ())


def _with_venue_limits(data: dict[str, Any]) -> dict[str, Any]:
    """Add the known limits of the template's venues; one that the template states itself wins."""
    venues, own = data.get("venues") or (), data.get("limits") or ()
    if not isinstance(venues, list | tuple) or not isinstance(own, list | tuple):
        return data
    stated = {(str(limit.get("venue")), str(limit.get("field"))) for limit in own if isinstance(limit, dict)}
    known = [
        limit.model_dump()
        for venue in venues
        if isinstance(venue, str)
        for limit in venue_limits(venue)
        if (limit.venue, limit.field) not in stated
    ]
    return {**data, "limits": [*own, *known]}


# --- inheritance ---


@functools.lru_cache(maxsize=64)
def _builtin_data(name: str) -> dict[str, Any]:
    """Read a built-in file once: nearly all extend `generic`, and nobody changes the result."""
    return _resolve(TEMPLATE_FOLDER / f"{name}.yaml")


def _resolve(path: Path) -> dict[str, Any]:
    """Read a file and lay it over the built-in template that it extends, if any."""
    data = read_structured(path)
    if not isinstance(data, dict):
        raise InputError(
            f"found {type(data).__name__}",
            where=str(path),
            expected="named keys (a mapping)",
            fix="start from docs/templates.md",
        )
    if "extends" not in data:
        return data
    base = data["extends"]
    if base not in template_names():
        near = nearest(str(base), template_names())
        raise InputError(
            f"there is no built-in template '{base}'",
            where=f"{path}: extends",
            expected=f"one of: {', '.join(template_names())}",
            fix=f"did you mean '{near}'?" if near else "name a built-in template",
        )
    child = {key: value for key, value in data.items() if key != "extends"}
    merged = _merge(_builtin_data(str(base)), child)
    # A file that extends a stage is not thereby that stage: it says so of itself.
    return {**merged, "stage": child.get("stage", "")}


def _merge(parent: Any, child: Any) -> Any:
    """Lay a child's data over its parent's: mappings and keyed lists by key, the rest replaced."""
    if not isinstance(parent, dict) or not isinstance(child, dict):
        return child
    merged = dict(parent)
    for key, value in child.items():
        if key in {"sections", "process"} and isinstance(value, list):
            merged[key] = _merge_keyed(parent.get(key, ()), value, keep=key == "process")
        else:
            merged[key] = _merge(parent.get(key), value)
    return merged


def _merge_keyed(parent: Any, child: list[Any], *, keep: bool) -> list[Any]:
    """Merge entries by their `key`; the child's list is complete unless the parent's are kept."""
    known = {entry["key"]: entry for entry in parent}
    merged = [_merge(known.get(str(entry.get("key"))), entry) if isinstance(entry, dict) else entry for entry in child]
    stated = {str(entry.get("key")) for entry in child if isinstance(entry, dict)}
    return [*(entry for key, entry in known.items() if keep and key not in stated), *merged]


# --- linting ---


def lint_template(path: Path, *, rule_ids: Collection[str] = ()) -> list[TemplateProblem]:
    """List everything that is wrong with a template file; an empty list means that it can be used.

    Args:
        rule_ids: the rules that exist; with them, a severity for an unknown rule is a problem.
    """
    try:
        data = _with_venue_limits(_resolve(path))
    except AgentError as error:
        message = error.message + (f" (expected: {error.expected})" if error.expected else "")
        return [
            TemplateProblem(
                where=error.where or str(path),
                message=message,
                fix=error.fix or "correct the file and run the command again",
            )
        ]
    lines = _line_numbers(path)
    try:
        template = Template.model_validate(data)
    except ValidationError as error:
        found = _field_problems(error)
    else:
        found = [*contradictions(template), *_advice(template, path, rule_ids)]
    return [
        TemplateProblem(where=_place(path, where, lines), message=message, fix=fix) for where, message, fix in found
    ]


def _advice(template: Template, path: Path, rule_ids: Collection[str]) -> Iterator[tuple[str, str, str]]:
    """Yield what the schema allows but nobody wants: unknown venues, rules, a taken name."""
    for index, venue in enumerate(template.venues):
        if venue not in venue_names() and not template.limits_of(venue):
            near = nearest(venue, venue_names())
            yield (
                f"venues.{index}",
                f"unknown venue '{venue}'",
                f"did you mean '{near}'?" if near else f"known: {', '.join(venue_names())}; or state its limits",
            )
    for field in ("severities", "severities_published"):
        for rule in getattr(template, field):
            if rule_ids and rule not in rule_ids:
                near = nearest(rule, rule_ids)
                yield (
                    f"{field}.{rule}",
                    f"there is no rule '{rule}'",
                    f"did you mean '{near}'?" if near else "list the rules: dao-agent rules",
                )
    for rule in template.review.overridable:
        if rule_ids and rule not in rule_ids:
            near = nearest(rule, rule_ids)
            fix = f"did you mean '{near}'?" if near else "see docs/checks.md"
            yield "review.overridable", f"there is no rule '{rule}'", fix
    own = path.resolve().parent == TEMPLATE_FOLDER.resolve()
    if not own and template.name in template_names():
        yield "name", f"'{template.name}' is the name of a built-in template", "choose another name"
    if own and template.name != path.stem:
        yield "name", f"'{template.name}' differs from the file's name", f"write name: {path.stem}"
    words = sum(section.max_words for section in template.sections if section.writer == "model" and section.drafted)
    for limit in template.limits:
        if limit.field == "body" and limit.max and words * CHARACTERS_PER_WORD > limit.max:
            yield (
                "sections",
                f"the sections may reach about {words * CHARACTERS_PER_WORD:,} characters, "
                f"{limit.venue} takes {limit.max:,}",
                "lower max_words or choose another venue",
            )


def _field_problems(error: ValidationError) -> list[tuple[str, str, str]]:
    return [_describe(problem) for problem in error.errors()]


def _describe(problem: Any) -> tuple[str, str, str]:
    """Turn one schema error into place, message and fix, with the nearest key or value."""
    path = [part for part in problem["loc"] if part != "[key]"]
    where = ".".join(map(str, path)) or "template"
    if problem["type"] == "extra_forbidden":
        return (
            where,
            f"unknown key '{path[-1]}'",
            _suggestion(str(path[-1]), _known_keys(path[:-1])),
        )
    if problem["type"] == "missing":
        return where, f"'{path[-1]}' is missing", f"add {path[-1]}:"
    given = problem["input"]
    shown = f"'{given}'"[:80] if isinstance(given, str | int | float) else f"a {type(given).__name__}"
    if problem["type"] == "literal_error":
        allowed = re.findall(r"'([^']{1,60})'", problem["ctx"]["expected"])
        return where, f"{shown} is not allowed here", _suggestion(shown, allowed)
    if problem["type"] == "value_error":
        return where, problem["msg"].removeprefix("Value error, "), "see docs/templates.md"
    expected = problem["msg"].removeprefix("Input ")
    return where, f"{shown} does not fit: it {expected}", "see docs/templates.md"


def _suggestion(word: str, known: Collection[str]) -> str:
    near = nearest(word, known)
    return f"did you mean '{near}'?" if near else f"one of: {', '.join(sorted(known))}"


def _known_keys(path: list[Any]) -> list[str]:
    """Walk the schema along an error's path and return the keys known at that place."""
    current: Any = Template
    for part in path:
        fields = getattr(current, "model_fields", {})
        current = _inner_model(fields[part].annotation if part in fields else current)
    return list(getattr(current, "model_fields", {}))


def _inner_model(annotation: Any) -> Any:
    """Find the model inside `tuple[X, ...]`, `dict[str, X]`, `X | None`."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return next(filter(None, map(_inner_model, getattr(annotation, "__args__", ()))), None)


def _line_numbers(path: Path) -> dict[str, int]:
    """Return the line of every key of a file, by its dotted path."""
    lines: dict[str, int] = {}
    seen: set[int] = set()  # a YAML alias can make a node its own descendant

    def walk(node: yaml.Node | None, place: str) -> None:
        if id(node) in seen:
            return
        seen.add(id(node))
        if isinstance(node, yaml.MappingNode):
            for key, value in node.value:
                inner = f"{place}.{key.value}" if place else str(key.value)
                lines[inner] = key.start_mark.line + 1
                walk(value, inner)
        elif isinstance(node, yaml.SequenceNode):
            for index, value in enumerate(node.value):
                lines[f"{place}.{index}"] = value.start_mark.line + 1
                walk(value, f"{place}.{index}")

    walk(yaml.compose(path.read_text(encoding="utf-8"), Loader=yaml.CSafeLoader), "")
    return lines


def _place(path: Path, where: str, lines: dict[str, int]) -> str:
    """Name file, line and key; an inherited key has the line of the nearest one stated."""
    probe = where
    while probe and probe not in lines:
        probe = probe.rpartition(".")[0]
    line = lines.get(probe) or lines.get("extends")
    return f"{path}:{line}: {where}" if line else f"{path}: {where}"
