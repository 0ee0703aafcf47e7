"""Everything about a run that can be known before it starts, as a list of checks.

    problems = check(recipe, CHECKS)

All problems come at once, each with its place and what to do: a run that fails after loading a
model for the third different reason is what people hate most in such tools. One module a concern;
none of them needs torch. What only the training environment knows is asked of it once
(`recipes/probe.py`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from recipes.preflight.compile_locks import no_stale_compile_lock
from recipes.preflight.files import files_exist
from recipes.preflight.hardware import hardware_is_there
from recipes.preflight.images import images_fit
from recipes.preflight.judged import judged_rows_fit
from recipes.preflight.keys import keys_exist, values_fit
from recipes.preflight.model import environment_agrees
from recipes.preflight.resources import resources_suffice
from recipes.preflight.reward_rows import rewards_have_columns, rewards_have_weights
from recipes.preflight.rows import cut_is_fresh, rows_parse
from recipes.preflight.run_folder import output_is_free, resumes_the_same_run
from recipes.preflight.sizes import batch_divides, lengths_fit, processes_agree
from recipes.preflight.traps import traps
from recipes.preflight.zero_file import zero_file_agrees
from recipes.problems import Problem
from recipes.recipe import Recipe

Check = Callable[[Recipe], Iterator[Problem]]


def check(recipe: Recipe, checks: Sequence[Check]) -> list[Problem]:
    """Run all checks and return every problem."""
    return [problem for one in checks for problem in one(recipe)]


OF_THE_RECIPE: tuple[Check, ...] = (
    keys_exist,
    values_fit,
    files_exist,
    rows_parse,
    judged_rows_fit,
    cut_is_fresh,
    images_fit,
    rewards_have_columns,
    rewards_have_weights,
    processes_agree,
    batch_divides,
    lengths_fit,
    zero_file_agrees,
    traps,
    output_is_free,
    resumes_the_same_run,
)
"""What can be told from the recipe and its files, the same on every machine."""

CHECKS: tuple[Check, ...] = (
    *OF_THE_RECIPE,
    hardware_is_there,
    resources_suffice,
    no_stale_compile_lock,
    environment_agrees,
)
"""All checks of a run, in the order their problems are listed; each passes over methods it does not concern."""
