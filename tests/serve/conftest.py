"""A store on each engine: SQLite in a file, and a real PostgreSQL server where its programs are installed."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from serve.store import Store
from tests.serve.builders import a_store


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    """Yield an empty store, once on each engine."""
    if request.param == "sqlite":
        opened = a_store(tmp_path)
    else:
        import psycopg  # here, because the fast tier needs no server

        server: Path = request.getfixturevalue("postgres")
        schema = f"desk_{uuid.uuid4().hex}"
        with psycopg.connect(host=str(server), user="postgres", autocommit=True) as one:
            one.execute(f'CREATE SCHEMA "{schema}"')
        where = f"host={server}&user=postgres&options=-csearch_path%3D{schema}"
        opened = Store.open(f"postgresql:///postgres?{where}")
    yield opened
    opened.close()


@pytest.fixture(scope="session")
def postgres() -> Iterator[Path]:
    """Start a PostgreSQL server of our own and yield the folder of its socket."""
    programs = _programs()
    if programs is None:
        pytest.skip("PostgreSQL's server programs are not installed")
    # Its own short folder: a socket's path has at most 107 bytes, and the server's user must reach it.
    folder = Path(tempfile.mkdtemp(prefix="pg"))
    owner = "postgres" if os.geteuid() == 0 else None
    if owner:
        shutil.chown(folder, owner)
    data, control = folder / "data", str(programs / "pg_ctl")

    def run(*command: str) -> None:
        subprocess.run(command, check=True, user=owner, cwd=folder, stdout=subprocess.DEVNULL)

    run(str(programs / "initdb"), "-D", str(data), "-U", "postgres", "-A", "trust", "-E", "UTF8")
    log = str(folder / "log")
    # Nothing here survives the server anyway, so it need not wait for the disk.
    options = f"-k {folder} -c listen_addresses='' -c max_connections=200 -c fsync=off"
    run(control, "start", "-w", "-D", str(data), "-l", log, "-o", options)
    try:
        yield folder
    finally:
        run(control, "stop", "-m", "immediate", "-D", str(data))
        shutil.rmtree(folder, ignore_errors=True)


def _programs() -> Path | None:
    """Find the folder with `initdb`: on the path, or where Debian keeps it, newest version first."""
    if found := shutil.which("initdb"):
        return Path(found).parent
    kept = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), reverse=True)
    return kept[0].parent if kept else None
