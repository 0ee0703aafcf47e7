"""Golden cases of the checks: `tests/cases/checks/<rule id>/<case>/` with `input.md` and `expected.txt`.

`case.yaml` may name a template, and a brief and evidence of the folder `_shared` (`true` is the plain one). A case
whose name begins with `pass-` expects nothing; any other expects the lines of `expected.txt`, all of its own rule.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from proposal.brief import load_brief
from proposal.checks import run_checks
from proposal.evidence import load_evidence
from proposal.template import load_template

FOLDER = Path(__file__).parents[1] / "cases" / "checks"


@dataclass(frozen=True)
class GoldenCase:
    rule: str
    name: str
    folder: Path

    @property
    def expected(self) -> str:
        path = self.folder / "expected.txt"
        return path.read_text(encoding="utf-8") if path.exists() else ""

    def found(self) -> str:
        """Return the findings of the case's own rule, one line each: place, severity, message."""
        options = self._options()
        findings = run_checks(
            (self.folder / "input.md").read_text(encoding="utf-8"),
            template=load_template(options.get("template", "generic")),
            brief=load_brief(path) if (path := _shared("brief", options)) else None,
            evidence=load_evidence(path) if (path := _shared("evidence", options)) else None,
        )
        lines = [f"{f.line}:{f.column} {f.severity}: {f.message}" for f in findings if f.rule == self.rule]
        return "".join(line + "\n" for line in lines)

    def _options(self) -> dict[str, Any]:
        path = self.folder / "case.yaml"
        return yaml.safe_load(path.read_text(encoding="utf-8")) if path.exists() else {}


def _shared(what: str, options: dict[str, Any]) -> Path | None:
    name = options.get(what)
    if not name:
        return None
    return FOLDER / "_shared" / (f"{what}.yaml" if name is True else f"{what}-{name}.yaml")


def golden_cases() -> list[GoldenCase]:
    """Return every golden case, by rule and name."""
    return [
        GoldenCase(rule.name, case.name, case)
        for rule in sorted(FOLDER.iterdir())
        if rule.is_dir() and rule.name != "_shared"
        for case in sorted(rule.iterdir())
    ]
