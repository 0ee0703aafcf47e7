"""`dao-agent doctor`: what this installation can do, and what to do about what it cannot.

Each check looks at the real thing (opens the database module, binds the port, asks the endpoint) and says one line.
`bad` means that something will fail, `note` that a part is not set up and which command sets it up.
"""

from __future__ import annotations

import importlib.util
import shutil
import socket
import sys
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

from serve.llm import ChatModel
from serve.settings import Settings

MIN_FREE_BYTES = 5_000_000_000
"""The embedded model, its environment and a data base need about this much."""

MIN_SQLITE = (3, 51, 3)
"""Earlier versions can corrupt a WAL database with two connections (fixed 2026-03-13)."""


@dataclass(frozen=True, slots=True)
class Check:
    """One line of the report."""

    name: str
    verdict: Literal["ok", "note", "bad"]
    detail: str
    fix: str = ""

    def line(self) -> str:
        return f"{self.verdict:<5} {self.name:<18} {self.detail}" + (f"; to do: {self.fix}" if self.fix else "")

    def to_dict(self) -> dict[str, str]:
        return asdict(self)


def examine(settings: Settings) -> list[Check]:
    """Run every check; none raises."""
    checks: tuple[Callable[[Settings], Check], ...] = (
        _python, _sqlite, _data_folder, _disk, _port, _model_environment, _endpoint,
    )  # fmt: skip
    return [check(settings) for check in checks]


def _python(_: Settings) -> Check:
    return Check("python", "ok", ".".join(map(str, sys.version_info[:3])))


def _sqlite(settings: Settings) -> Check:
    if not settings.database.startswith("sqlite"):
        return Check("database", "ok", settings.database.split("@")[-1])
    if importlib.util.find_spec("pysqlite3") is None:
        return Check("database", "bad", "pysqlite3 is not installed", "pip install 'dao-proposal-agent[gateway]'")
    from pysqlite3 import dbapi2

    if dbapi2.sqlite_version_info < MIN_SQLITE:
        return Check("database", "bad", f"SQLite {dbapi2.sqlite_version}", "install pysqlite3 0.6.1 or newer")
    return Check("database", "ok", f"SQLite {dbapi2.sqlite_version}, {settings.database}")


def _data_folder(settings: Settings) -> Check:
    try:
        settings.data_dir.mkdir(parents=True, exist_ok=True)
        probe = settings.data_dir / ".writable"
        probe.write_text("", encoding="utf-8")
        probe.unlink()
    except OSError as error:
        return Check("data folder", "bad", f"{settings.data_dir}: {error.strerror}", "set DAO_DATA_DIR")
    return Check("data folder", "ok", str(settings.data_dir))


def _disk(settings: Settings) -> Check:
    folder = settings.cache_dir
    while not folder.exists():
        folder = folder.parent
    free = shutil.disk_usage(folder).free
    verdict: Literal["ok", "bad"] = "ok" if free >= MIN_FREE_BYTES else "bad"
    return Check("disk", verdict, f"{free / 1e9:.0f} GB free for {settings.cache_dir}",
                 "" if verdict == "ok" else "free some space, or set DAO_CACHE_DIR")  # fmt: skip


def _port(settings: Settings) -> Check:
    name = f"{settings.gateway_host}:{settings.gateway_port}"
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((settings.gateway_host, settings.gateway_port))
        except OSError:
            return Check("desk port", "note", f"{name} is in use", "stop what runs there, or set DAO_GATEWAY_PORT")
    return Check("desk port", "ok", f"{name} is free")


def _model_environment(settings: Settings) -> Check:
    python = settings.engine_python
    if python == Path(sys.executable) and not importlib.util.find_spec("vllm"):
        return Check("model environment", "note", "vLLM is not installed", "make setup-model")
    return Check("model environment", "ok", str(python))


def _endpoint(settings: Settings) -> Check:
    model = ChatModel(settings)
    health = model.health()
    model.close()
    if not health.reachable:
        return Check("model endpoint", "note", f"{health.url} does not answer", "dao-agent serve model")
    return Check("model endpoint", "ok", f"{health.url} serves {health.model}")
