"""The folder a draft is written to: what a person reads, what a machine reads, and what a resumed run starts from.

draft.md        the text, for people
draft.json      the whole draft: sections, claims with their evidence, manifest
findings.json   what the checks found
manifest.json   model, prompt, template, rule-set and evidence hashes, sampling values
template.json   the template, when the draft was made with --template
request.json    brief and evidence, so that an interrupted draft can be resumed
sections/       finished sections of a draft that is not whole yet
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel, ValidationError

from proposal.draft import Draft, DraftRequest, SectionDraft
from proposal.errors import ConflictError, InputError
from proposal.hashing import sha256_data
from proposal.template import Template
from proposal.whole_files import write_whole
from serve.draft_template import FILE

Model = TypeVar("Model", bound=BaseModel)


class DraftFolder:
    """Writes every file whole or not at all: a killed process leaves the earlier version."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._sections = path / "sections"

    @property
    def is_finished(self) -> bool:
        return (self.path / "draft.json").exists()

    def begin(self, request: DraftRequest, template: Template | None = None) -> dict[str, SectionDraft]:
        """Prepare the folder and return the sections that an interrupted run of the same request left here.

        A template that is not a built-in one is kept beside the draft, so that it can be exported later.
        """
        stored = self.path / "request.json"
        if self.is_finished:
            raise ConflictError("a finished draft lies here", where=str(self.path), fix="choose another --out")
        if stored.exists() and sha256_data(self._load_request()) != sha256_data(request):
            raise ConflictError("an unfinished draft of another brief or evidence lies here", where=str(self.path),
                                fix="choose another --out, or resume with the brief it was begun with")  # fmt: skip
        self._sections.mkdir(parents=True, exist_ok=True)
        _write(stored, request.model_dump_json(indent=2))
        if template is not None:
            _write(self.path / FILE, template.model_dump_json(indent=2))
        return {section.key: section for section in self._load_sections()}

    def _load_request(self) -> DraftRequest:
        return _parse(DraftRequest, self.path / "request.json")

    def _load_sections(self) -> list[SectionDraft]:
        return [_parse(SectionDraft, file) for file in sorted(self._sections.glob("*.json"))]

    def keep(self, section: SectionDraft) -> None:
        """Store one finished section."""
        _write(self._sections / f"{section.key}.json", section.model_dump_json(indent=2))

    def finish(self, draft: Draft) -> None:
        """Write the finished draft; the sections of the unfinished one are no longer needed."""
        _write(self.path / "draft.md", draft.text)
        findings = [finding.model_dump(mode="json") for finding in draft.findings]
        _write(self.path / "findings.json", json.dumps(findings, ensure_ascii=False, indent=2))
        _write(self.path / "manifest.json", draft.manifest.model_dump_json(indent=2))
        _write(self.path / "draft.json", draft.model_dump_json(indent=2))
        shutil.rmtree(self._sections)  # with what a killed process was writing there


def load_draft(path: Path) -> Draft:
    """Read a `draft.json`, or the one in a draft folder."""
    file = path / "draft.json" if path.is_dir() else path
    if not file.exists():
        raise InputError("no finished draft lies here", where=str(path), expected="a folder with draft.json")
    return _parse(Draft, file)


def _parse(model: type[Model], file: Path) -> Model:
    try:
        return model.model_validate_json(file.read_text(encoding="utf-8"))
    except (ValidationError, UnicodeDecodeError) as error:
        raise InputError(f"not a {model.__name__} of this version: {str(error).splitlines()[0]}", where=str(file),
                         fix="delete the file and draft again") from None  # fmt: skip


def _write(path: Path, text: str) -> None:
    write_whole(path, (text if text.endswith("\n") else f"{text}\n").encode())
