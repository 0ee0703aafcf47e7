"""Reading what a data cut is built from: folders of cases, and review files of the desk.

A case is a folder with `brief.yaml`, `evidence.yaml` and, where somebody wrote the proposal by
hand, `reference.yaml` with the slotted text of its sections. A review file holds one version of a
draft with its decisions per line. Every error names file and field, because a wrong input stops the
build: only what is honest but unusable is dropped.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

from data_prep.records import Case, Reference, ReviewedDraft
from proposal.brief import load_brief
from proposal.errors import InputError
from proposal.evidence import load_evidence
from proposal.inputs import read_structured, validate

CASE_FILES = ("brief.yaml", "evidence.yaml")
REFERENCE_FILE = "reference.yaml"


def case_folders(folder: Path) -> list[Path]:
    """List the cases in a folder in a fixed order; the folder may be one case itself."""
    if (folder / CASE_FILES[0]).is_file():
        return [folder]
    found = sorted(path.parent for path in folder.glob(f"*/{CASE_FILES[0]}"))
    if not found:
        raise InputError(
            "holds no case",
            where=str(folder),
            expected=f"sub-folders with {' and '.join(CASE_FILES)}",
        )
    return found


def read_case(folder: Path, *, root: Path) -> Case:
    """Read one case; its key is its path below the folder it was found in, so that it is the same
    on every machine.
    """
    reference = folder / REFERENCE_FILE
    sections: dict[str, str] = {}
    if reference.is_file():
        sections = validate(Reference, read_structured(reference), where=str(reference)).sections
    return Case(
        key=(Path(root.name) / folder.relative_to(root)).as_posix(),
        brief=load_brief(folder / "brief.yaml"),
        evidence=load_evidence(folder / "evidence.yaml"),
        sections=sections,
    )


def case_inputs(folder: Path) -> list[Path]:
    """List the files that a case is made of, for the manifest of the cut."""
    return [folder / name for name in (*CASE_FILES, REFERENCE_FILE) if (folder / name).is_file()]


def read_reviews(path: Path) -> Iterator[ReviewedDraft]:
    """Read the reviews of a JSON Lines file, one at a time."""
    try:
        with path.open(encoding="utf-8") as lines:
            for number, line in enumerate(lines, 1):
                if line.strip():
                    yield validate(ReviewedDraft, _parsed(line, f"{path}:{number}"), where=f"{path}:{number}")
    except FileNotFoundError:
        raise InputError("no such file", where=str(path), fix="check the path") from None
    except UnicodeDecodeError as error:
        raise InputError(f"not UTF-8 text (byte {error.start})", where=str(path)) from None


def _parsed(line: str, where: str) -> object:
    try:
        return json.loads(line)
    except json.JSONDecodeError as error:
        raise InputError(f"not valid JSON: {error.msg}", where=where, expected="one review per line") from None
