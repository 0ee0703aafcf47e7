"""Proposal repositories: the habits of each family, with made-up documents in the real shape."""

from __future__ import annotations

import io
import json
import subprocess
import tarfile
from pathlib import Path

import pytest

from data_prep.history import Dropped, Outcome, ProposalRecord
from data_prep.sources import SOURCES, Bound
from data_prep.sources.outcomes import outcome_of
from data_prep.sources.repository import front_matter
from proposal.errors import InputError
from tests.data_prep.sources.worlds import fetched, read

EIP = """---
eip: 712
title: "Typed data: a standard"
author: A. Person (@person), Other <a@b.example>
discussions-to: https://forum.example/t/712
status: Final
type: Standards Track
created: 2017-09-12
---

## Abstract

Text.
"""
BROKEN_YAML = EIP.replace('"Typed data: a standard"', "Typed data: a standard").replace("712", "713")
AIP = "---\ntitle: Onboard a token\nauthor: Team\ndiscussions: https://forum.example/t/9\n---\n\n## Summary\n\nText.\n"
CGP = "---\ncgp: 42\ntitle: Fund a team\ndate-created: 2024-05-06\nauthor: '@somebody'\nstatus: EXECUTED\n---\nText.\n"
HIP = "# HIP 7: Longer range\n\n- Author(s): [@x](https://a.example)\n- Start Date: May 21 2020\n\n# Summary\n\nText.\n"


def bound(path: Path, dialect: str = "eip", **changed: object) -> Bound:
    source = SOURCES["repository"]
    spec = {
        "source": "repository",
        "name": "repo",
        "dao": "Test",
        "licence": "CC0-1.0",
        "path": path,
        "dialect": dialect,
    }
    return Bound(source, source.spec.model_validate(spec | changed))


def tree(folder: Path, **files: str | bytes) -> Path:
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text.encode() if isinstance(text, str) else text)
    return folder


def proposals(spec: Bound, archive: Path) -> list[ProposalRecord]:
    fetched(spec, archive, lambda _: pytest.fail("asked the network"))
    return [item for item in read(spec, archive) if isinstance(item, ProposalRecord)]


@pytest.mark.parametrize(
    ("dialect", "path", "text", "expected"),
    [
        ("eip", "EIPS/eip-712.md", EIP, ("eip-712", "Typed data: a standard", "2017-09-12", "passed")),
        ("eip", "EIPS/eip-713.md", BROKEN_YAML, ("eip-713", "Typed data: a standard", "2017-09-12", "passed")),
        ("aip", "src/20231024_Onboard/Onboard.md", AIP,
         ("src/20231024_Onboard/Onboard", "Onboard a token", "2023-10-24", "unknown")),
        ("cgp", "CGPs/cgp-0042.md", CGP, ("cgp-42", "Fund a team", "2024-05-06", "passed")),
        ("hip", "0007-range.md", HIP, ("0007-range", "HIP 7: Longer range", "2020-05-21", "unknown")),
    ],
)  # fmt: skip
def test_each_family_is_read_by_its_habits(
    tmp_path: Path, dialect: str, path: str, text: str, expected: tuple[str, ...]
) -> None:
    tree(tmp_path / "repo", **{path: text, "README.md": "# About", "proposal-template.md": EIP})
    (found,) = proposals(bound(tmp_path / "repo", dialect), tmp_path / "raw")
    assert found.created is not None
    assert (found.source_id, found.title, found.created.date().isoformat(), found.outcome) == expected
    assert text.endswith(found.body)


def test_a_tarball_gives_what_its_folder_gives(tmp_path: Path) -> None:
    folder = tree(tmp_path / "repo-main", **{"EIPS/a.md": EIP, "EIPS/b.md": BROKEN_YAML, "x.txt": "no"})
    with tarfile.open(tmp_path / "repo.tar.gz", "w:gz") as tar:
        tar.add(folder, "repo-main")
    kept = [found.raw_hash for found in proposals(bound(folder), tmp_path / "one")]
    assert sorted(kept) == sorted(
        found.raw_hash for found in proposals(bound(tmp_path / "repo.tar.gz"), tmp_path / "two")
    )
    assert len(kept) == 2


def test_a_tarball_that_is_cut_off_is_named(tmp_path: Path) -> None:
    data = io.BytesIO()
    with tarfile.open(fileobj=data, mode="w:gz") as tar:
        tar.add(tree(tmp_path / "x", **{f"{number}.md": EIP * 20 for number in range(9)}), "x")
    (tmp_path / "cut.tar.gz").write_bytes(data.getvalue()[:-40])
    with pytest.raises(InputError, match="not a whole tarball"):
        proposals(bound(tmp_path / "cut.tar.gz"), tmp_path / "raw")


def test_what_is_no_proposal_is_a_drop_with_its_path(tmp_path: Path) -> None:
    files = {"a.md": "# Notes\n\nText.", "b.md": b"---\ntitle: \xff\n---\nx", "c.md": "---\ntitle: T\n---\n",
             "d.md": EIP.replace("2017-09-12", "2099-01-01"), "e.md": b"x" * 2_000_001}  # fmt: skip
    folder = tree(tmp_path / "repo", **files)
    assert proposals(bound(folder), tmp_path / "raw") == []
    drops = {item.where: item.reason for item in read(bound(folder), tmp_path / "raw") if isinstance(item, Dropped)}
    assert drops == {"a.md": "no-front-matter", "b.md": "undecodable", "c.md": "no-body", "d.md": "future-date",
                     "e.md": "too-long"}  # fmt: skip


def test_a_later_commit_supersedes_and_an_unchanged_one_is_not_read_again(tmp_path: Path) -> None:
    folder = tree(tmp_path / "repo", **{"EIPS/a.md": EIP})

    def commit() -> None:
        for command in (["init", "-q"], ["add", "-A"],
                        ["-c", "user.name=x", "-c", "user.email=x@x.example", "commit", "-qm", "x"]):  # fmt: skip
            subprocess.run(["git", "-C", str(folder), *command], check=True)

    commit()
    spec = bound(folder, web="https://github.com/example/repo")
    (first,) = proposals(spec, tmp_path / "raw")
    assert first.url.startswith("https://github.com/example/repo/blob/")
    assert fetched(spec, tmp_path / "raw", lambda _: pytest.fail("asked")) == []
    tree(folder, **{"EIPS/a.md": EIP.replace("Final", "Withdrawn")})
    commit()
    (second,) = proposals(spec, tmp_path / "raw")
    assert (first.outcome, second.outcome) == ("passed", "withdrawn")


def test_front_matter_that_is_no_mapping_is_text() -> None:
    assert front_matter("---\n- a\n---\nText") == ({}, "---\n- a\n---\nText")


@pytest.mark.parametrize(
    ("status", "outcome"),
    [("Last Call", "pending"), ("Not Passed", "rejected"), ("Final.", "passed"), ("Withdrawn (by author)", "withdrawn"),
     ("Superseded by [EP 6.5](/x)", "superseded"), ("Passing fancy", "unknown"), ("", "unknown")],
)  # fmt: skip
def test_a_status_is_read_as_it_is_written(status: str, outcome: Outcome) -> None:
    assert outcome_of(status) == outcome


def test_statuses_of_the_shared_proposals_give_the_outcomes_recorded_there(shared_data: Path) -> None:
    """Where the outcome was taken from the status alone; a vote's result in another field is not a status."""
    wrong, right = [], 0
    for path in sorted((shared_data / "proposals").glob("*.jsonl")):
        for line in path.open(encoding="utf-8"):
            row = json.loads(line)
            if row.get("status") and not row.get("vote_result"):
                if outcome_of(row["status"]) == row["outcome"]:
                    right += 1
                else:
                    wrong.append((row["id"], row["status"], row["outcome"]))
    assert right > 3_900
    assert len(wrong) <= 5, wrong
