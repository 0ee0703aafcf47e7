"""Proposal repositories: improvement proposals as Markdown with front matter, from a clone, a tarball or a folder.

Every DAO keeps the habits of the repository it forked: what the number, the date and the forum link are called, and
where the status stands. These habits are data (`DIALECTS`). The text after the front matter is the body, unchanged.
"""

from __future__ import annotations

import fnmatch
import re
import subprocess
import tarfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any, Literal, get_args

import yaml
from pydantic import Field

from data_prep.history import Dropped, ProposalRecord, Record
from data_prep.sources.archive import Stream
from data_prep.sources.fetcher import Fetcher, parse
from data_prep.sources.items import FieldError, Item, canonical, moment, recorded
from data_prep.sources.outcomes import outcome_of
from data_prep.sources.source import Records, Source, SourceSpec, State, Step
from proposal.errors import InputError

Dialect = Literal["eip", "aip", "cgp", "hip"]
MAX_FILE = 2_000_000
"""Bytes of one proposal."""
BATCH = 100
"""Files that are archived at once."""


@dataclass(frozen=True, slots=True)
class Habits:
    """How a family of repositories writes its front matter; the first key that is there counts.

    `path_date` finds the day in the file's path, `in_text` a field as a line of the body.
    """

    number: tuple[str, ...]
    created: tuple[str, ...]
    discussion: tuple[str, ...]
    status: tuple[str, ...] = ("status",)
    path_date: re.Pattern[str] | None = None
    in_text: bool = False


_LINKS = ("discussions-to", "discussion-to", "discussions", "discussion", "forum", "comments-uri")
DIALECTS: Mapping[Dialect, Habits] = {
    # Ethereum's and its children: SIP, YIP, LIP, MIP, RPIP, ZIP, …
    "eip": Habits(("eip", "erc", "sip", "sccp", "yip", "lip", "mip", "mccp", "rpip", "zip", "cip", "number"),
                  ("created", "date"), _LINKS),
    # Aave: no number and no status; the day stands in the folder's name.
    "aip": Habits(("aip",), ("created", "date"), _LINKS, path_date=re.compile(r"(?<!\d)(20\d{2})(\d{2})(\d{2})_")),
    # Celo: numbers and days under names of their own.
    "cgp": Habits(("cgp",), ("date-created", "created", "date"), _LINKS),
    # Helium: no front matter, a list of fields under the heading.
    "hip": Habits(("hip",), ("start date", "created"), (*_LINKS, "hip pr"), in_text=True),
}  # fmt: skip
_FENCE = re.compile(r"\A\ufeff?---[ \t]*\r?\n(.*?)\r?\n---[ \t]*(?:\r?\n|\Z)", re.DOTALL)
_YAML_FENCE = re.compile(r"\A\ufeff?```ya?ml[ \t]*\r?\n(.*?)\r?\n```[ \t]*(?:\r?\n|\Z)", re.DOTALL)
_LISTED = re.compile(r"^[-*][ \t]+\**([A-Za-z][A-Za-z /-]{1,30}?)\**:[ \t]*(.+?)[ \t]*$", re.MULTILINE)
_HEADING = re.compile(r"^#[ \t]+(.+?)[ \t#]*$", re.MULTILINE)
_URL = re.compile(r"https?://[^\s)>\]]+")
_SKIPPED = re.compile(
    r"(?:^|/)(?:readme|contributing|license|changelog|code_of_conduct|[^/]*template[^/]*)\.mdx?$", re.I
)


class RepositorySpec(SourceSpec):
    """A clone, a tarball or a folder; `files` are patterns of paths inside it. `web` is where a reader finds it."""

    path: Path
    dialect: Dialect
    files: tuple[str, ...] = Field(default=("**/*.md", "**/*.mdx"), min_length=1)
    web: str = Field(default="", max_length=300)


def begin(spec: RepositorySpec, last: State | None) -> State:
    """Begin with the first file, at the commit that is checked out; one that was read whole is not read again."""
    if not spec.path.exists():
        raise InputError("no such clone, tarball or folder", where=str(spec.path),
                         fix=f"correct `path` of '{spec.name}'")  # fmt: skip
    commit = _commit(spec.path)
    unchanged = bool(commit) and last is not None and last["commit"] == commit
    return {"after": "", "commit": commit, "unchanged": unchanged}


def step(spec: RepositorySpec, state: State, _: Fetcher) -> Step | None:
    """Archive the next files, in the order of their paths."""
    if state["unchanged"]:
        return None
    batch: list[tuple[str, bytes]] = []
    for path, content in _texts(spec, after=state["after"]):
        batch.append((path, content))
        if len(batch) == BATCH:
            break
    if not batch:
        return None
    bodies = tuple(canonical(_archived(path, content)) for path, content in batch)
    request = {"commit": state["commit"], "after": state["after"]}
    return Step(request, bodies, {**state, "after": batch[-1][0]}, f"{len(batch)} files up to {batch[-1][0]}")


def _archived(path: str, content: bytes) -> dict[str, str]:
    """Return what is kept of a file: its text, or its bytes where they are no text."""
    if len(content) > MAX_FILE:
        return {"path": path, "too_long": f"{len(content):,} bytes"}
    try:
        return {"path": path, "text": content.decode("utf-8")}
    except UnicodeDecodeError as error:
        return {"path": path, "undecodable": f"byte {error.start} is not UTF-8"}


def _texts(spec: RepositorySpec, *, after: str) -> Iterator[tuple[str, bytes]]:
    if spec.path.is_dir():
        files = (file for file in spec.path.rglob("*") if file.is_file() and not file.is_symlink())
        for path in sorted(file.relative_to(spec.path).as_posix() for file in files):
            if path > after and _wanted(spec, path):
                with (spec.path / path).open("rb") as file:
                    yield path, file.read(MAX_FILE + 1)
        return
    try:
        with tarfile.open(spec.path) as tar:
            members = {_inside(member.name): member for member in tar if member.isfile()}
            for path in sorted(members):
                if path > after and _wanted(spec, path):
                    content = tar.extractfile(members[path])
                    if content is not None:
                        yield path, content.read(MAX_FILE + 1)
    except (tarfile.TarError, EOFError, OSError) as error:
        raise InputError(f"not a whole tarball: {error}", where=str(spec.path), fix="fetch it again") from None


def _wanted(spec: RepositorySpec, path: str) -> bool:
    return not path.startswith(".git/") and any(fnmatch.fnmatch(f"./{path}", glob) or fnmatch.fnmatch(path, glob)
                                                for glob in spec.files)  # fmt: skip


def _inside(name: str) -> str:
    """Return a path without the folder that a hosted tarball puts everything into."""
    return name.partition("/")[2] or name


def _commit(path: Path) -> str:
    """Return the commit of a clone, or nothing."""
    if not (path / ".git").exists():
        return ""
    command = ["git", "-C", str(path), "rev-parse", "HEAD"]
    try:
        return subprocess.run(command, capture_output=True, text=True, check=True, timeout=60).stdout.strip()
    except (OSError, subprocess.SubprocessError):
        return ""


# --- records ---------------------------------------------------------------------------------------------------------


def records(spec: RepositorySpec, place: Stream) -> Records:
    """Read every archived file; a later commit's text supersedes an earlier one's."""
    for entry in place.entries():
        for body in entry.bodies:
            file = parse(body)
            path = file["path"]
            if _SKIPPED.search(path):
                continue
            if "text" not in file:
                yield _unread(spec, path, file)
                continue

            def read(item: Item, commit: str = entry.request["commit"], run: int = entry.request["run"]) -> Record:
                return _proposal(spec, item, commit, run)

            yield recorded(read, file, at=entry.retrieved_at, stream=spec.name, where=path)


def _unread(spec: RepositorySpec, path: str, file: Mapping[str, str]) -> Dropped:
    if "too_long" in file:
        return Dropped("too-long", spec.name, path, file["too_long"])
    return Dropped("undecodable", spec.name, path, file["undecodable"])


def _proposal(spec: RepositorySpec, item: Item, commit: str, run: int) -> Record:
    habits = DIALECTS[spec.dialect]
    path, text = item.text("path"), item.text("text")
    fields, body = front_matter(text)
    if habits.in_text:
        fields = {name.strip().casefold(): value for name, value in reversed(_LISTED.findall(body[:4_000]))} | fields
    heading = _HEADING.search(body)
    title = str(fields.get("title") or (heading[1] if heading and habits.in_text else "")).strip()
    if not fields or not title:
        raise FieldError("no-front-matter", "no front matter with a title")
    if not body.strip():
        raise FieldError("no-body", "nothing stands after the front matter")
    status = _first(fields, habits.status)
    return ProposalRecord(
        **spec.origin(item, _id(spec, habits, fields, path)) | _licence(fields),
        version=run,
        url=f"{spec.web}/blob/{commit or 'HEAD'}/{path}" if spec.web else "",
        title=title,
        body=body,
        status=status,
        outcome=outcome_of(status),
        author=_first(fields, ("author", "authors", "submitter")),
        created=_created(item, habits, fields, path),
        discussion_url=_link(_first(fields, habits.discussion)),
    )


def front_matter(text: str) -> tuple[dict[str, Any], str]:
    """Split a document into its front matter, keys in lower case, and the text after it.

    Where the YAML is broken (a title with a colon, the commonest mistake of all) the lines are read as `key: value`.
    """
    found = _FENCE.match(text) or _YAML_FENCE.match(text)
    if found is None:
        return {}, text
    try:
        data = yaml.load(found[1], Loader=yaml.BaseLoader)
    except yaml.YAMLError:
        data = dict(line.split(":", 1) for line in found[1].splitlines() if re.match(r"[A-Za-z][\w -]*:", line))
    if not isinstance(data, dict):
        return {}, text
    return {str(key).strip().casefold(): value for key, value in data.items()}, text[found.end() :]


def _first(fields: Mapping[str, Any], names: tuple[str, ...]) -> str:
    for name in names:
        value = fields.get(name)
        if isinstance(value, list):
            value = ", ".join(map(str, value))
        if isinstance(value, str) and value.strip(" \"'"):
            return value.strip(" \"'")
    return ""


def _id(spec: RepositorySpec, habits: Habits, fields: Mapping[str, Any], path: str) -> str:
    """Name a proposal by the number it bears with the word before it, else by its path."""
    for name in habits.number:
        number = str(fields.get(name) or "").strip(" \"'")
        if re.fullmatch(r"\d+(?:\.\d+)?", number):
            return f"{name}-{number}" if name != "number" else f"{spec.name}-{number}"
    return PurePosixPath(path).with_suffix("").as_posix()


def _created(item: Item, habits: Habits, fields: Mapping[str, Any], path: str) -> Any:
    value = _first(fields, habits.created)
    if value:
        return item.checked(moment(value.strip(" ,"), "created"), "created")
    found = habits.path_date.search(path) if habits.path_date else None
    return item.checked(moment("-".join(found.groups()), "the day in the path"), "created") if found else None


def _link(value: str) -> str:
    found = _URL.search(value)
    return found[0] if found else ""


def _licence(fields: Mapping[str, Any]) -> dict[str, str]:
    """A document's own licence stands above that of the spec."""
    own = _first(fields, ("license", "licence"))
    return {"licence": own} if own else {}


assert set(DIALECTS) == set(get_args(Dialect))
REPOSITORY = Source("repository", RepositorySpec, begin, step, records)
