"""A draft made with a template of one's own is exported later: the template travels with it, known by its hash."""

from pathlib import Path

import pytest

from proposal.draft import Draft, DraftRequest
from proposal.errors import ConflictError, InputError
from proposal.template import Template
from serve.draft_folder import DraftFolder, load_draft
from serve.draft_template import FILE, template_of
from serve.exporting import export_draft
from tests.proposal.builders import a_draft, a_template


def written(path: Path, draft: Draft, template: Template | None) -> Path:
    folder = DraftFolder(path)
    folder.begin(DraftRequest(brief=draft.brief, evidence=draft.evidence), template)
    folder.finish(draft)
    return path


def test_a_draft_under_a_template_of_its_own_is_exported_from_its_folder(tmp_path: Path) -> None:
    template = a_template(front_matter={"fields": [{"key": "title", "required": True, "fill": "title"}]})
    folder = written(tmp_path / "d", a_draft(template=template), template)
    assert template_of(load_draft(folder), folder) == template
    (file,) = export_draft(load_draft(folder), options=None, out=tmp_path / "out", folder=folder)
    assert Path(file).read_text(encoding="utf-8").startswith("---\ntitle: Fund a creator rebate\n---\n")


def test_a_template_that_is_gone_or_changed_is_not_taken_for_the_drafts_own(tmp_path: Path) -> None:
    folder = written(tmp_path / "d", a_draft(), None)
    with pytest.raises(ConflictError, match="'tiny' is gone or has changed"):
        list(export_draft(load_draft(folder), options=None, out=tmp_path / "out", folder=folder))
    (folder / FILE).write_text(a_template(version="1.1").model_dump_json(), encoding="utf-8")
    assert template_of(load_draft(folder), folder) is None
    (folder / FILE).write_text("{}", encoding="utf-8")
    with pytest.raises(InputError, match="not a template"):
        template_of(load_draft(folder), folder)
