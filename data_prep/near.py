"""Near-duplicates: which texts say nearly the same, so that a split keeps them on one side.

A text is its set of word 5-grams. MinHash (rensa, a fixed seed: the same digests in every process and on every machine)
makes 128 numbers of it, and texts that agree in one of 32 bands of four are compared. DuckDB joins the bands, so the
number of texts is bounded by the disk and not by memory.

The word n-grams here are also what the leakage report counts, exactly and without MinHash.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from data_prep.lake import database

PERMUTATIONS = 128
BANDS = 32
ROWS = PERMUTATIONS // BANDS
SEED = 20261122
SHINGLE = 5
OVERLAP_WORDS = 8
"""Words of the n-grams that tell copied text: eight in a row are hardly ever chance."""

MAX_GROUP = 20
"""Members of a band group that are all compared with each other; in a larger group each is compared with the first."""

_WORD = re.compile(r"[0-9a-z]+|[\u3400-\u9fff]")


def words(text: str) -> list[str]:
    """Return the words of a text in lower case; a Han character is a word.

    >>> words("Raise the cap to 45,000 — 提高上限")
    ['raise', 'the', 'cap', 'to', '45', '000', '提', '高', '上', '限']
    """
    return _WORD.findall(text.lower())


def shingles(text: str, size: int) -> set[str]:
    """Return the word n-grams of a text; a text with fewer words is one n-gram as a whole."""
    found = words(text)
    if len(found) <= size:
        return {" ".join(found)} if found else set()
    return {" ".join(found[start : start + size]) for start in range(len(found) - size + 1)}


def gram_hashes(text: str, size: int = OVERLAP_WORDS) -> list[int]:
    """Return the n-grams of a text as sorted 64-bit numbers, the same in every process."""
    digests = {hashlib.blake2b(gram.encode(), digest_size=8).digest() for gram in shingles(text, size)}
    return sorted(int.from_bytes(digest, "big", signed=True) for digest in digests)


def signature(text: str) -> bytes:
    """Return the MinHash of a text as bytes, four a number; empty for a text without words."""
    import rensa

    found = shingles(text, SHINGLE)
    if not found:
        return b""
    made = rensa.RMinHash(num_perm=PERMUTATIONS, seed=SEED)
    made.update(sorted(found))
    return b"".join(number.to_bytes(4, "big") for number in made.digest())


def bands(sign: bytes) -> Iterator[bytes]:
    """Return the bands of a signature, each with its place: two texts that share one are compared."""
    width = ROWS * 4
    for band in range(len(sign) // width):
        yield bytes([band]) + sign[band * width : (band + 1) * width]


def similarity(one: bytes, other: bytes) -> float:
    """Return the estimated share of n-grams that two texts have in common (Jaccard)."""
    if not one or not other:
        return float(one == other)
    same = sum(one[place : place + 4] == other[place : place + 4] for place in range(0, len(one), 4))
    return same / PERMUTATIONS


def clusters(signatures: Path, *, percent: int) -> dict[str, str]:
    """Return the cluster of each text that has near-duplicates: the smallest key in it.

    `signatures` is a glob of Parquet files with the columns `key`, `sign` and `bands`. Texts without near-duplicates
    are not in the answer: each is its own cluster.
    """
    with database() as opened:
        opened.execute(
            "CREATE TEMP TABLE pairs AS WITH banded AS"
            " (SELECT DISTINCT key, unnest(bands) AS band FROM read_parquet($1)),"
            " grouped AS"
            " (SELECT band, list(key ORDER BY key) AS members FROM banded GROUP BY band HAVING count(*) > 1),"
            f" short AS (SELECT unnest(members) AS one, members FROM grouped WHERE len(members) <= {MAX_GROUP}),"
            " near AS (SELECT one, unnest(members) AS other FROM short"
            f" UNION ALL SELECT members[1], unnest(members) FROM grouped WHERE len(members) > {MAX_GROUP})"
            " SELECT DISTINCT one, other FROM near WHERE one < other",
            [str(signatures)],
        )
        rows = opened.execute(
            "SELECT one, other, a.sign, b.sign FROM pairs JOIN read_parquet($1) a ON a.key = one"
            " JOIN read_parquet($1) b ON b.key = other ORDER BY one, other",
            [str(signatures)],
        )
        return _joined(_alike(iter(rows.fetchone, None), percent))


def _alike(rows: Iterable[Sequence[object]], percent: int) -> Iterator[tuple[str, str]]:
    for one, other, sign_one, sign_other in rows:
        if similarity(_bytes(sign_one), _bytes(sign_other)) * 100 >= percent:
            yield str(one), str(other)


def _bytes(value: object) -> bytes:
    return bytes(value)  # type: ignore[call-overload, no-any-return]


def _joined(pairs: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Join pairs into clusters, each named by its smallest member."""
    parent: dict[str, str] = {}

    def root(key: str) -> str:
        while parent.setdefault(key, key) != key:
            parent[key] = parent[parent[key]]
            key = parent[key]
        return key

    for one, other in pairs:
        first, second = sorted((root(one), root(other)))
        parent[second] = first
    return {key: root(key) for key in sorted(parent)}
