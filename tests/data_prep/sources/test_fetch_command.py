"""`dao-agent data fetch` as a person runs it, on local sources, and the spec file it reads."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from data_prep.sources import SOURCES, read_specs
from proposal.errors import InputError
from serve.cli import app

ROWS = '{"id": "a", "title": "Pay", "body": "Text"}\n{"id": "b", "title": "Pay"}\n'


def spec_file(folder: Path, **changed: str) -> Path:
    (folder / "rows.jsonl").write_text(ROWS, encoding="utf-8")
    fields = {"source": "files", "name": "one", "dao": "Test", "licence": "MIT"} | changed
    text = "".join(f"    {name}: {value}\n" for name, value in fields.items())
    path = folder / "sources.yaml"
    path.write_text(f"sources:\n  -\n{text}    paths: [{folder}/rows.jsonl]\n"
                    f"  - {{source: files, name: gone, dao: T, licence: MIT, paths: [{folder}/gone.jsonl]}}\n",
                    encoding="utf-8")  # fmt: skip
    return path


def test_one_source_that_fails_does_not_stop_the_others(tmp_path: Path) -> None:
    spec = spec_file(tmp_path)
    command = ["data", "fetch", str(spec), "--archive", str(tmp_path / "raw"), "--out", str(tmp_path / "out")]
    result = CliRunner().invoke(app, command)
    assert result.exit_code == 2
    assert "gone: " in result.stderr
    assert "no such file or folder" in result.stderr
    assert result.stdout == "one: 1 proposals\n  left out: 1 missing-field\n"
    (kept,) = (tmp_path / "out" / "proposals.jsonl").read_text(encoding="utf-8").splitlines()
    assert json.loads(kept)["raw_hash"]
    (dropped,) = (tmp_path / "out" / "dropped.jsonl").read_text(encoding="utf-8").splitlines()
    assert json.loads(dropped)["where"].endswith("rows.jsonl:2")


def test_offline_reads_what_was_fetched_and_json_is_one_object(tmp_path: Path) -> None:
    spec = spec_file(tmp_path)
    command = ["data", "fetch", str(spec), "--archive", str(tmp_path / "raw"), "--only", "one", "--json"]
    assert CliRunner().invoke(app, command).exit_code == 0
    result = CliRunner().invoke(app, [*command, "--offline"])
    streams = json.loads(result.stdout)["streams"]
    assert streams == {"one": {"records": {"proposals": 1}, "dropped": {"missing-field": 1}}}


@pytest.mark.parametrize(
    ("changed", "text"),
    [({"source": "snapshots"}, "did you mean 'snapshot'"), ({"licens": "MIT"}, "did you mean 'licence'"),
     ({"name": "gone"}, "two sources are called 'gone'"), ({"name": "Not A Name"}, "name")],
)  # fmt: skip
def test_a_wrong_spec_is_named_with_what_was_meant(tmp_path: Path, changed: dict[str, str], text: str) -> None:
    with pytest.raises(InputError, match=text):
        read_specs(spec_file(tmp_path, **changed))


def test_the_example_spec_of_the_docs_is_valid(tmp_path: Path) -> None:
    page = (Path(__file__).parents[3] / "docs" / "data.md").read_text(encoding="utf-8")
    example = page.split("```yaml\n", 1)[1].split("```", 1)[0]
    (tmp_path / "sources.yaml").write_text(example, encoding="utf-8")
    assert {bound.source.name for bound in read_specs(tmp_path / "sources.yaml")} == set(SOURCES)
