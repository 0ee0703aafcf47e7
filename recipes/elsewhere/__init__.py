"""The same recipe on somebody else's machines: job specifications for SkyPilot, Kubeflow, Slurm and SageMaker.

    python recipes/sft.py recipes/configs/sft_qwen3.yaml --launcher skypilot --image … --gpus H100:8 --data s3://… \\
        --checkpoints s3://… --out out/job

Nothing is started. What is written is a specification, the recipe as the job will read it, and a resource sheet. The
specifications follow the vendors' documented shapes and were not run: there is no cluster here, and each says so.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import yaml

from proposal.errors import InputError
from recipes.elsewhere import kubeflow, sagemaker, skypilot, slurm
from recipes.elsewhere.job import RECIPE_FILE, Job, Places, remote_recipe
from recipes.elsewhere.resources import RESOURCES_FILE, sheet
from recipes.problems import Problem, render

LOCAL = "local"
LAUNCHERS: Mapping[str, tuple[Places, str, Callable[[Job], str]]] = {
    "skypilot": (skypilot.PLACES, "skypilot.yaml", skypilot.render),
    "kubeflow": (kubeflow.PLACES, "trainjob.yaml", kubeflow.render),
    "slurm": (slurm.PLACES, "job.sbatch", slurm.render),
    "sagemaker": (sagemaker.PLACES, "create_training_job.json", sagemaker.render),
}
"""By name: where data and checkpoints lie in the job, the file that is written, and who writes it."""


def write_job(job: Job, launcher: str, out: Path) -> list[Path]:
    """Write everything that one job needs into a folder; all problems of its inputs at once."""
    places, name, rendered = LAUNCHERS[launcher]
    problems = [*job.problems(), *_place_problems(job, launcher, places)]
    if problems:
        raise InputError(render(problems, "in the job's inputs"), fix="nothing was written")
    recipe = yaml.safe_dump(remote_recipe(job, places), sort_keys=False, allow_unicode=True)
    files = {name: rendered(job), RECIPE_FILE: recipe, RESOURCES_FILE: sheet(job, launcher)}
    out.mkdir(parents=True, exist_ok=True)
    for file, text in files.items():
        (out / file).write_text(text, encoding="utf-8")
    return [out / file for file in files]


def _place_problems(job: Job, launcher: str, places: Places) -> list[Problem]:
    """Data and checkpoints are where this kind of machine can reach them."""
    found = []
    for option, value in (("--data", job.data), ("--checkpoints", job.checkpoints)):
        fix = "give s3://BUCKET/FOLDER" if places.in_s3 else "give the path under which every node sees it"
        if places.in_s3 and not value.startswith("s3://"):
            found.append(Problem(option, f"'{value}' is no place in S3, where {launcher} takes it from", fix))
        elif not places.in_s3 and not value.startswith("/"):
            found.append(Problem(option, f"'{value}' is no absolute path", fix))
    if launcher == "sagemaker":
        found += sagemaker.problems(job)
    return found
