"""Planters: known changes for the worse, each with its place, by which checks, rewards and pairs are measured.

Each takes what the checks see of a clean text and a seeded source of choices, and returns the changed text with the
place of the change, or None where the text offers no place. They share as little as possible with the rules, so that a
rule and its planter are not wrong together; only what removes statements has to know the words of the rule.
"""

from proposal.planting import evidence, statements, structure
from proposal.planting.edits import Plant, Planted, inserting

CHANGES: tuple[tuple[str, str, Plant], ...] = (*structure.CHANGES, *statements.CHANGES, *evidence.CHANGES)
"""Kind, rule that has to find it, and planter."""

__all__ = ["CHANGES", "Plant", "Planted", "inserting"]
