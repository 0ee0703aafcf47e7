"""The template that a draft was made with, found again later: carried in the draft's folder, or the built-in one.

A draft made with a DAO's own file cannot name it (the file may have moved), so the template travels with the draft and
is recognised by its hash; so is a built-in template that a newer version of this software words differently.
"""

from __future__ import annotations

from pathlib import Path

from pydantic import ValidationError

from proposal.draft import Draft
from proposal.errors import InputError, NotFoundError
from proposal.template import Template, builtin_template

FILE = "template.json"


def template_of(draft: Draft, folder: Path | None = None) -> Template | None:
    """Return the very template that the draft was made with; None when it has changed since, or is not there."""
    template = _carried(folder) if folder is not None else None
    if template is None:
        try:
            template = builtin_template(draft.manifest.template)
        except NotFoundError:
            return None
    return template if template.hash == draft.manifest.template_hash else None


def _carried(folder: Path) -> Template | None:
    file = folder / FILE
    if not file.is_file():
        return None
    try:
        return Template.model_validate_json(file.read_bytes())
    except ValidationError as error:
        raise InputError(f"not a template of this version: {str(error).splitlines()[0]}", where=str(file),
                         fix="delete the file and draft again") from None  # fmt: skip
