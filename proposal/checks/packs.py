"""The rule packs: what each DAO forbids, as data with its clause, its source and the wording that breaks it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import yaml

from proposal.findings import Severity


@dataclass(frozen=True, slots=True)
class PackClause:
    """One prohibition of a DAO's rule pack."""

    id: str
    templates: tuple[str, ...]
    rule: str
    clause: str
    source: str
    severity: Severity | None
    types: tuple[str, ...]
    phrases: tuple[str, ...]
    unless: tuple[str, ...]

    def binds(self, template: str) -> bool:
        """Tell whether the clause is for a template: by its name, or by the name of its family."""
        return any(name == "any" or template == name or template.startswith(name + "-") for name in self.templates)


@lru_cache(maxsize=1)
def pack_clauses() -> dict[str, PackClause]:
    """Return every prohibition by its id."""
    data = yaml.safe_load((Path(__file__).parent / "rule_packs.yaml").read_text(encoding="utf-8"))
    return {entry["id"]: _clause(entry) for entry in data}


def _clause(entry: dict[str, Any]) -> PackClause:
    return PackClause(
        id=entry["id"],
        templates=tuple(entry["templates"]),
        rule=entry["rule"],
        clause=entry["clause"],
        source=entry["source"],
        severity=entry.get("severity"),
        types=tuple(entry.get("types", ())),
        phrases=tuple(map(str, entry["phrases"])),
        unless=tuple(map(str, entry.get("unless", ()))),
    )
