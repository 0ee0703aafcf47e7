"""Writing a draft's venue files from the command line: an unreviewed draft, so every file says that it is not approved.

A released proposal comes from the desk, which knows the decisions; this is for trying out a venue's form and limits.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from pathlib import Path

from proposal.decisions import Review
from proposal.draft import Draft
from proposal.errors import ConflictError, GateError
from proposal.exports import VenueOptions, load_venue_options, venue_exports
from serve.draft_template import FILE, template_of


def export_draft(draft: Draft, *, options: Path | None, out: Path, folder: Path | None = None) -> Iterator[str]:
    """Write the files of each venue that the options name below `out`, Markdown always; yields one line a file.

    `folder` is where the draft lies, with the template that it may have been made with.
    Raises `GateError` when a venue's limit is broken (nothing is ever cut) and `ConflictError` rather than overwrite.
    """
    template = template_of(draft, folder)
    if template is None:
        raise ConflictError(f"the template '{draft.manifest.template}' is gone or has changed since this draft",
                            where="export", expected=f"a built-in template, or {FILE} in the draft's folder",
                            fix="draft again, or use the version of this software that made the draft")  # fmt: skip
    venues = load_venue_options(options) if options else VenueOptions()
    review = Review(draft_id="unreviewed", version=1, profile=template.review, asked_at=dt.datetime.now(dt.UTC))
    exports = list(venue_exports(draft, review, template=template, options=venues))
    blocked = [str(problem) for export in exports for problem in export.problems if problem.severity == "error"]
    if blocked:
        raise GateError(
            "; ".join(blocked), where="export", fix="shorten the text or leave the venue out; nothing was written"
        )
    for export in exports:
        for name, data in export.files.items():
            path = out / name
            if path.exists():
                raise ConflictError("the file exists", where=str(path), fix="choose another --out")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)
            yield str(path)
