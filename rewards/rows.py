"""What a reward knows besides the completion: the columns of its data row, read once and checked strictly.

A defect in the data raises and names row and column, because it is ours; a defect in the model's text only scores.
Nested columns travel as JSON strings: Arrow would fill keys that some rows lack with nulls.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, TypeVar

from proposal.brief import Brief
from proposal.errors import AgentError, InputError, nearest
from proposal.evidence import EvidenceSet, parse_evidence
from proposal.inputs import validate
from proposal.template import SectionSpec, Template, load_template

Read = TypeVar("Read")

COLUMNS = ("dao_evidence_json", "dao_brief_json", "dao_template", "dao_section", "dao_required")
"""Columns that every row must have; an empty `dao_section` means the whole proposal."""

RESERVED = frozenset(
    {
        "messages",
        "prompt_id",
        "request_id",
        "finish_reason",
        "is_truncated",
        "rollout_infos",
        "response_token_ids",
        "trainer_state",
        "images",
        "videos",
        "audios",
        "tools",
        "objects",
        "label",
        "channel",
        "margin",
        "rejected_response",
        "teacher_prompt",
        "chat_template_kwargs",
        "questions",
        "kinds",
        "options",
        "target_probs",
        "state",
        "question_ids",
        "criteria",
        "solution",
        "answer",
        "answers",
        "output",
        "target",
        "targets",
        "text",
        "content",
        "completion",
        "response",
        "query",
        "prompt",
        "input",
        "instruction",
        "question",
        "problem",
        "system",
    }
)
"""Column names that ms-swift renames, consumes or fills itself."""

MAX_TASKS = 512
"""Rows that are kept parsed: more than a batch has prompts."""


class ColumnError(InputError, ValueError):
    """A reward column is missing or malformed; training must not start with it."""

    code = "column"


@dataclass(frozen=True, eq=False)
class Task:
    """What one completion was asked for. Tasks compare by identity: one row is parsed once and shared."""

    evidence: EvidenceSet
    brief: Brief
    template: Template
    section: SectionSpec | None
    required: tuple[str, ...]

    @property
    def whole(self) -> bool:
        """Whether the completion is a whole proposal (else the text of one section)."""
        return self.section is None


def read_task(row: Mapping[str, Any], *, where: str) -> Task:
    """Return the task of one row; `ColumnError` names the row and the column that is wrong."""
    values: list[str] = []
    for name in COLUMNS:
        value = row.get(name)
        if not isinstance(value, str):
            found = "missing" if value is None else f"{type(value).__name__}, not text"
            raise ColumnError(
                f"the column '{name}' is {found}",
                where=where,
                expected="JSON text" if name.endswith("json") else "text",
                fix="write the column in every row (use json.dumps for structured ones)",
            )
        values.append(value)
    try:
        return _read(*values)
    except ColumnError as error:
        raise ColumnError(error.message, where=where, expected=error.expected, fix=error.fix) from None


@lru_cache(maxsize=MAX_TASKS)
def _read(evidence_json: str, brief_json: str, template_name: str, section_key: str, required_json: str) -> Task:
    evidence = _reading("dao_evidence_json", lambda: _evidence(_json(evidence_json)))
    brief = _reading("dao_brief_json", lambda: validate(Brief, _json(brief_json), where="brief"))
    template = _reading("dao_template", lambda: load_template(template_name))
    _reading("dao_template", lambda: template.sections_for(brief))
    section = _section(template, section_key) if section_key else None
    required = _reading("dao_required", lambda: _required(_json(required_json), evidence))
    return Task(evidence, brief, template, section, required)


def _reading(column: str, read: Callable[[], Read]) -> Read:
    """Run one reader; whatever it refuses is reported as a defect of its column."""
    try:
        return read()
    except AgentError as error:
        raise ColumnError(
            f"the column '{column}' is malformed: {error.message}", expected=error.expected, fix=error.fix
        ) from None
    except (ValueError, RecursionError) as error:
        raise ColumnError(f"the column '{column}' is malformed: {str(error)[:200]}") from None


def _evidence(data: Any) -> EvidenceSet:
    """Read the evidence; an empty list is a proposal that cites nothing, as many published ones do."""
    return {} if data == [] else parse_evidence(data, where="evidence")


def _json(text: str) -> Any:
    if len(text) > 2_000_000:
        raise ValueError(f"{len(text):,} characters, at most 2,000,000")
    return json.loads(text)


def _section(template: Template, key: str) -> SectionSpec:
    section = template.section(key)
    if section is None:
        known = [spec.key for spec in template.sections]
        near = nearest(key, known)
        raise ColumnError(
            f"the column 'dao_section' is malformed: '{template.name}' has no section '{key[:60]}'",
            expected=f"one of: {', '.join(known)}, or empty for the whole proposal",
            fix=f"did you mean '{near}'?" if near else None,
        )
    return section


def _required(data: Any, evidence: EvidenceSet) -> tuple[str, ...]:
    if not isinstance(data, list) or not all(isinstance(item, str) for item in data):
        raise ValueError('not a JSON list of evidence ids such as ["E1", "E3"]')
    unknown = [item for item in data if item not in evidence]
    if unknown:
        raise ValueError(f"{unknown[0][:20]!r} is not in the evidence ({', '.join(evidence)})")
    return tuple(dict.fromkeys(data))


@lru_cache(maxsize=MAX_TASKS)
def expected_sections(task: Task) -> tuple[SectionSpec, ...]:
    """Return the sections that a whole proposal is expected to have; the server's own are not asked of a model."""
    return tuple(spec for spec in task.template.sections_for(task.brief) if spec.writer == "model")


@lru_cache(maxsize=MAX_TASKS)
def length_band(task: Task) -> tuple[int, int]:
    """Return the shortest and longest text that is asked for, in words (Chinese: characters)."""
    sections = (task.section,) if task.section else expected_sections(task)
    bands = [section.band(task.brief.language) for section in sections]
    return sum(low for low, _ in bands), max(1, sum(high for _, high in bands))
