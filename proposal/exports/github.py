"""A proposal repository on GitHub: the link that opens its "new file" page with name and text filled in.

The link needs no credentials and creates nothing before a person commits. GitHub answers a link above its server's
limit with "414 URI Too Long" (its documentation of query parameters) and states no figure, so a link longer than
`MAX_LINK` comes without the text, which is then pasted from `proposal.md`. The parameters `filename` and `value` are
in wide use and stand in no documentation: product.md 3.7 marks them as known, not as read.
"""

from __future__ import annotations

from typing import Annotated
from urllib.parse import quote

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from proposal.decisions import Review
from proposal.draft import Draft
from proposal.exports.markdown import FILE, MarkdownOptions, to_markdown
from proposal.exports.result import MAX_LINK, Export, ExportProblem
from proposal.template import Template

_LINK = "github/new_file_link.txt"
_UNSAFE = frozenset('<>"?#&\\')


def _inside(path: str) -> str:
    """Refuse a path that leaves the repository or that a link would read as something else."""
    parts = path.split("/")
    if any(part in {"", ".", ".."} for part in parts) or any(sign in _UNSAFE or sign.isspace() for sign in path):
        raise ValueError("not the path of a file in the repository, such as proposals/rebates.md")
    return path


class GithubOptions(BaseModel):
    """Settings of this venue: the repository, its branch, and the path of the new file."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    repository: str = Field(pattern=r"^[A-Za-z0-9-]{1,39}/[A-Za-z0-9._-]{1,100}$")
    branch: str = Field(default="main", pattern=r"^[A-Za-z0-9._/-]{1,200}$")
    path: Annotated[str, AfterValidator(_inside)] = Field(min_length=1, max_length=300)


def to_github(
    draft: Draft, review: Review, *, template: Template, options: GithubOptions, markdown: MarkdownOptions
) -> Export:
    """Return the link to the page of a new file with the text of `proposal.md`."""
    text = to_markdown(draft, review, template=template, options=markdown).files[FILE].decode("utf-8")
    link = new_file_link(options, text)
    if len(link) <= MAX_LINK:
        return Export("github", {_LINK: f"{link}\n".encode()})
    problem = ExportProblem(rule="EX-link-length", severity="info", limit=MAX_LINK, length=len(link), where=_LINK,
                            message=f"the text is too long for a link: open the link and paste {FILE}")  # fmt: skip
    return Export("github", {_LINK: f"{new_file_link(options, '')}\n".encode()}, (problem,))


def new_file_link(options: GithubOptions, text: str) -> str:
    """Return the address of the page for a new file; without text the page is empty."""
    value = f"&value={quote(text, safe='')}" if text else ""
    page = f"https://github.com/{options.repository}/new/{quote(options.branch)}"
    return f"{page}?filename={quote(options.path, safe='')}{value}"
