"""Exports: an approved draft in the exact form of each place where a proposal is published.

Every export is a pure function of draft, review, template and options. Nothing here signs, holds a
key, opens a connection or submits: a file is the furthest that a proposal gets in this house.
"""

from proposal.exports.anticapture import AnticaptureOptions, to_anticapture
from proposal.exports.aragon import AragonOptions, to_aragon
from proposal.exports.bundle import (
    BundleManifest,
    VenueOptions,
    gate_problems,
    load_venue_options,
    require_gate,
    to_bundle,
    venue_exports,
)
from proposal.exports.cardano import CardanoOptions, to_cardano
from proposal.exports.container import write_bundle, zip_bytes
from proposal.exports.cosmos import CosmosOptions, to_cosmos
from proposal.exports.daoip import DaoipOptions, to_daoip
from proposal.exports.discourse import DiscourseOptions, to_discourse
from proposal.exports.github import GithubOptions, to_github
from proposal.exports.governor import GovernorOptions, to_governor
from proposal.exports.markdown import MarkdownOptions, to_markdown
from proposal.exports.result import Export, ExportProblem
from proposal.exports.snapshot import SnapshotOptions, to_snapshot

VENUES = ("markdown", "snapshot", "governor", "anticapture", "discourse", "daoip", "aragon", "cosmos", "cardano",
          "github", "bundle")  # fmt: skip
"""The places we export for; each has `to_<venue>` and its options."""

__all__ = [
    "VENUES",
    "AnticaptureOptions",
    "AragonOptions",
    "BundleManifest",
    "CardanoOptions",
    "CosmosOptions",
    "DaoipOptions",
    "DiscourseOptions",
    "Export",
    "ExportProblem",
    "GithubOptions",
    "GovernorOptions",
    "MarkdownOptions",
    "SnapshotOptions",
    "VenueOptions",
    "gate_problems",
    "load_venue_options",
    "require_gate",
    "to_anticapture",
    "to_aragon",
    "to_bundle",
    "to_cardano",
    "to_cosmos",
    "to_daoip",
    "to_discourse",
    "to_github",
    "to_governor",
    "to_markdown",
    "to_snapshot",
    "venue_exports",
    "write_bundle",
    "zip_bytes",
]
