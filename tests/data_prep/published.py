"""Made-up published proposals, as many as a test wants: lines of a file as the shared ones are."""

from __future__ import annotations

import datetime as dt
import json
from pathlib import Path
from random import Random
from typing import Any

_WORDS = [
    "treasury", "market", "reserve", "council", "oracle", "bridge", "validator", "member", "season", "report", "pool",
    "delegate", "vault", "signer", "module", "review", "period", "lender", "keeper", "index", "collateral", "strategy",
    "partner", "research", "audit", "growth", "creator", "grant", "charter", "forum",
]  # fmt: skip
DAOS = ("Alder DAO", "Birch DAO", "Cedar DAO")


def a_line(number: int, *, seed: int = 1, **changed: Any) -> dict[str, Any]:
    """Return one proposal with prose of its own, a figure in each section and a day of its own."""
    choice = Random(f"{seed}/{number}")
    return {
        "id": f"made-{number}",
        "dao": DAOS[number % len(DAOS)],
        "title": f"Change of the {choice.choice(_WORDS)} {choice.choice(_WORDS)}",
        "body": "\n\n".join(f"## {name}\n\n{_prose(choice)}" for name in ("Summary", "Motivation", "Specification")),
        "outcome": choice.choice(["passed", "rejected"]),
        "created": (dt.date(2022, 1, 1) + dt.timedelta(days=5 * number)).isoformat(),
        "discussion_url": f"https://forum.example.org/t/{number}",
        "licence": "MIT",
        **changed,
    }


def _prose(choice: Random) -> str:
    sentences = [
        f"The {' '.join(choice.sample(_WORDS, 7))} came to {choice.randint(100, 9999)} USDC." for _ in range(4)
    ]
    return " ".join(sentences)


def write_lines(path: Path, lines: list[dict[str, Any]]) -> Path:
    """Write proposals as JSON Lines."""
    path.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
    return path
