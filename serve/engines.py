"""The databases that the gateway runs on: how SQLite and PostgreSQL are connected, and how a transaction begins."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pysqlite3.dbapi2
import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine
from sqlalchemy.engine.url import URL

from proposal.errors import ConfigError

SAFE_SQLITE = (3, 51, 3)
"""The first SQLite whose write-ahead log cannot be corrupted by two writers that checkpoint at once."""

_PRAGMAS = (
    "busy_timeout=10000",
    "journal_mode=WAL",
    "synchronous=FULL",
    "foreign_keys=ON",
    "recursive_triggers=ON",  # otherwise INSERT OR REPLACE deletes rows without asking the triggers
)
_POSTGRES_WRITE_LOCK = 0x44414F


def engine_of(url: URL) -> Engine:
    """Return the engine of a database URL; another kind of database is a `ConfigError`."""
    if url.get_backend_name() == "sqlite":
        return _sqlite_engine(url)
    if url.get_backend_name() == "postgresql":
        engine = sa.create_engine(url.set(drivername="postgresql+psycopg"), pool_pre_ping=True)
        sa.event.listen(engine, "begin", _begin_postgres)
        return engine
    raise ConfigError(
        f"the database '{url.get_backend_name()}' is not supported",
        where="DAO_DATABASE_URL",
        expected="sqlite:///FILE or postgresql://…",
    )


def _sqlite_engine(url: URL) -> Engine:
    check_sqlite(pysqlite3.dbapi2.sqlite_version_info)
    if not url.database or url.database == ":memory:":
        raise ConfigError(
            "a database in memory is lost at the first restart",
            where="DAO_DATABASE_URL",
            expected="sqlite:///FILE",
        )
    file = Path(url.database)
    try:
        file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        file.touch(mode=0o600)
    except OSError as error:
        raise ConfigError(f"cannot be written: {error.strerror}", where=str(file), fix="set DAO_DATA_DIR") from None
    engine = sa.create_engine(url.set(drivername="sqlite"), module=pysqlite3.dbapi2, pool_size=10)
    sa.event.listen(engine, "connect", _set_up_sqlite)
    sa.event.listen(engine, "begin", _begin_sqlite)
    return engine


def check_sqlite(version: tuple[int, int, int]) -> None:
    """Refuse a SQLite whose write-ahead log can be corrupted."""
    if version < SAFE_SQLITE:
        raise ConfigError(
            f"SQLite {'.'.join(map(str, version))} can corrupt a database with a write-ahead log",
            expected=f"SQLite {'.'.join(map(str, SAFE_SQLITE))} or newer",
            fix="install the pinned pysqlite3 (make setup)",
        )


def _set_up_sqlite(connection: Any, _record: Any) -> None:
    # Transactions begin where we say so, never where the driver guesses from the statement.
    connection.isolation_level = None
    for pragma in _PRAGMAS:
        connection.execute(f"PRAGMA {pragma}")


def _begin_sqlite(connection: Connection) -> None:
    write = connection.get_execution_options().get("dao_write")
    connection.exec_driver_sql("BEGIN IMMEDIATE" if write else "BEGIN")


def _begin_postgres(connection: Connection) -> None:
    if connection.get_execution_options().get("dao_write"):
        connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({_POSTGRES_WRITE_LOCK})")
