"""What of the held-out side could be learnt: rows to refuse before a cut is written, and the report on the cut after.

The rows to refuse come from what the units counted; the report reads the written files again and counts by itself, so
a fault in the first is seen by the second. DuckDB joins the n-grams, so memory stays bounded.
"""

from __future__ import annotations

import datetime as dt
import functools
import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from data_prep.lake import database
from data_prep.near import gram_hashes
from data_prep.split import SIDES, Side, Split
from data_prep.timing import tells_outcome
from proposal.hashing import sha256_text

BATCH = 512
"""Learnt texts that are handed to the database at once."""

RANK = {side: rank for rank, side in enumerate(SIDES)}
"""Sides in the order in which a text that stands on two of them is kept: the held-out one keeps it."""

_RANK_SQL = "CASE side " + " ".join(f"WHEN '{side}' THEN {rank}" for side, rank in RANK.items()) + " END"

# Texts are joined by numbers: a pair of them as strings took ten times the memory, and there are millions of pairs.
_SHARE = (
    "CREATE OR REPLACE TEMP TABLE texts AS SELECT learnt AS text, row_number() OVER () AS learnt, "
    "any_value(grams) FILTER (grams IS NOT NULL) AS grams FROM found GROUP BY found.learnt",
    "CREATE OR REPLACE TEMP TABLE sizes AS SELECT learnt, len(grams) AS size FROM texts",
    "CREATE OR REPLACE TEMP TABLE grams AS SELECT DISTINCT texts.learnt, rank, unnest(texts.grams) AS gram FROM texts "
    "JOIN (SELECT DISTINCT learnt AS text, rank FROM found) USING (text)",
    """
CREATE OR REPLACE TEMP TABLE shared AS
WITH pairs AS (
    SELECT a.learnt AS taught, a.rank AS rank, b.learnt AS kept, count(*) AS common
    FROM grams a JOIN grams b ON a.gram = b.gram AND a.rank < b.rank GROUP BY ALL
)
SELECT taught, rank, kept FROM pairs
JOIN sizes x ON x.learnt = taught JOIN sizes y ON y.learnt = kept
WHERE common * 100 >= {percent} * least(x.size, y.size)
""",
)


def _share(duck: Any, percent: int) -> None:
    """Make `texts`, which numbers the texts, and `shared`, from `found`: text or its hash, rank of its side, n-grams.

    A row of `shared` is a text, its rank, and one further from training that has so much of it, both by number.
    """
    for step in _SHARE:
        duck.execute(step.format(percent=percent))


def repeated(duck: Any, files: str) -> Iterator[tuple[int, int]]:
    """Yield unit and number of rows that equal another one; of equals the held-out one is kept, then the first."""
    answer = duck.execute(
        f"SELECT unit, number FROM read_parquet($1) WHERE reason = '' QUALIFY row_number() OVER "
        f"(PARTITION BY identity ORDER BY {_RANK_SQL} DESC, unit, number) > 1",
        [files],
    )
    yield from iter(answer.fetchone, None)


def overlapping(duck: Any, files: str, percent: int) -> Iterator[tuple[int, int]]:
    """Yield unit and number of every row whose learnt text stands on a side that is further from training."""
    quoted = files.replace("'", "''")  # a view takes no parameters
    duck.execute(
        f"CREATE OR REPLACE TEMP VIEW found AS SELECT learnt, {_RANK_SQL} AS rank, grams "
        f"FROM read_parquet('{quoted}') WHERE learnt <> ''"
    )
    _share(duck, percent)
    answer = duck.execute(
        f"SELECT DISTINCT unit, number FROM read_parquet($1) rows JOIN texts ON texts.text = rows.learnt "
        f"JOIN shared ON shared.taught = texts.learnt AND shared.rank = {_RANK_SQL}",
        [files],
    )
    yield from iter(answer.fetchone, None)


@dataclass(frozen=True, slots=True)
class Leakage:
    """Counts over the written rows of a cut; each has to be 0.

    `exact` and `near` count learnt texts of one side that stand on one further from training: equal, or with so large
    a share of their word n-grams. `held_out` counts rows of held-out DAOs and days outside the held-out side. `later`
    counts items of evidence that are dated after the proposal of their row, `outcome` rows that tell what became of
    their proposal.
    """

    texts: int
    exact: int
    near: int
    held_out: int
    later: int
    outcome: int

    @property
    def total(self) -> int:
        """Return the number that has to be 0."""
        return self.exact + self.near + self.held_out + self.later + self.outcome


def measure(files: Iterable[tuple[Side, Path]], sources: Mapping[str, tuple[str, str]], split: Split) -> Leakage:
    """Read the written rows of a cut again and count what leaks; `sources` has DAO and day of each proposal."""
    counts: Counter[str] = Counter()
    with database() as duck:
        duck.execute("CREATE TABLE found (learnt VARCHAR, rank INTEGER, grams BIGINT[])")
        for side, path in files:
            _read(duck, side, path, sources, split, counts)
        _share(duck, split.overlap_percent)
        shared = duck.execute(
            "SELECT count(DISTINCT taught) FILTER (taught = kept), count(DISTINCT taught) FILTER (taught <> kept), "
            "(SELECT count(DISTINCT learnt) FROM found) FROM shared"
        ).fetchone()
    exact, near, texts = shared
    return Leakage(texts, exact, near, counts["held_out"], counts["later"], counts["outcome"])


def _read(
    duck: Any, side: Side, path: Path, sources: Mapping[str, tuple[str, str]], split: Split, counts: Counter[str]
) -> None:
    """Count what one file shows by itself, and hand its learnt texts to the database."""
    import pyarrow as pa

    batch: list[dict[str, Any]] = []
    known: set[str] = set()
    with path.open(encoding="utf-8") as lines:
        for line in lines:
            row = json.loads(line)
            _count(row, side, sources, split, counts)
            answer = learnt_of(row)
            key = sha256_text(answer)[:32]
            if answer and key not in known:
                known.add(key)
                batch.append({"learnt": key, "rank": RANK[side], "grams": gram_hashes(answer)})
            if len(batch) == BATCH:
                _insert(duck, pa.Table.from_pylist(batch))
                batch.clear()
    if batch:
        _insert(duck, pa.Table.from_pylist(batch))


def _insert(duck: Any, batch: Any) -> None:
    duck.register("batch", batch)
    duck.execute("INSERT INTO found SELECT learnt, rank, grams FROM batch")
    duck.unregister("batch")


def _count(
    row: Mapping[str, Any], side: Side, sources: Mapping[str, tuple[str, str]], split: Split, counts: Counter[str]
) -> None:
    counts["outcome"] += any(_tells(turn["content"]) for turn in row["messages"] if turn["role"] != "system")
    known = sources.get(str(row["dao_source"]).partition("#")[0])
    if known is None:
        return
    dao, day = known[0], dt.date.fromisoformat(known[1])
    counts["held_out"] += side != "held_out" and split.own_place(dao, day).side != "train"
    for item in json.loads(row.get("dao_evidence_json") or "[]"):
        counts["later"] += dt.datetime.fromisoformat(item["retrieved_at"]).astimezone(dt.UTC).date() > day


@functools.lru_cache(maxsize=64)
def _tells(text: str) -> str:
    return tells_outcome(text)


def learnt_of(row: Mapping[str, Any]) -> str:
    """Return what is learnt from a row of a file: its last answer, or the reference that rewards compare with."""
    last = row["messages"][-1]
    return str(last["content"] if last["role"] == "assistant" else row.get("dao_reference") or "")
