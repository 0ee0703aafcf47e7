"""The options that say where else a recipe is to run; the launcher of every method has them."""

from __future__ import annotations

import argparse
from pathlib import Path

from recipes.elsewhere import LAUNCHERS, LOCAL
from recipes.elsewhere.job import Job
from recipes.recipe import Recipe


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add `--launcher` and what it needs."""
    group = parser.add_argument_group("elsewhere", "write the specification of a job in place of running here")
    add = group.add_argument
    add("--launcher", choices=(LOCAL, *LAUNCHERS), default=LOCAL, help="where the recipe runs (default %(default)s)")
    add("--out", type=Path, default=Path("out/job"), help="folder for the job's files (default %(default)s)")
    add("--job-name", default="", help="name of the job (default: that of the run folder)")
    add("--image", default="", help="container image with this project and ms-swift, NAME:VERSION or NAME@sha256:…")
    add("--gpus", default="", metavar="KIND:COUNT", help="GPUs of one node, such as H100:8")
    add("--nodes", type=int, default=1, help="how many nodes (default %(default)s)")
    add("--data", default="", help="folder of the data files: s3://… (skypilot, sagemaker) or a path on every node")
    add("--checkpoints", default="", help="folder for run folders: s3://… or a path that all nodes share")
    add("--hours", type=float, default=24.0, help="the longest time that the job may take (default %(default)g)")
    add("--spot", action="store_true", help="take machines that may be taken away; the job goes on elsewhere")
    add("--gpu-hour-price", type=float, default=None, metavar="PRICE", help="your price, for the resource sheet")
    add("--role", default="", help="sagemaker: ARN of the role that the job takes")
    add("--instance", default="", help="sagemaker: instance type, such as ml.p5.48xlarge")
    add("--recipe-uri", default="", help="sagemaker: s3://… folder to which you copy train.yaml")


def job_of(recipe: Recipe, found: argparse.Namespace) -> Job:
    """Return the job that the options describe."""
    name = found.job_name or Path(str(recipe.values.get("output_dir", "job"))).name.lower().replace("_", "-")
    return Job(
        recipe=recipe,
        name=name,
        image=found.image,
        gpus=found.gpus,
        nodes=found.nodes,
        data=found.data,
        checkpoints=found.checkpoints,
        hours=found.hours,
        spot=found.spot,
        price=found.gpu_hour_price,
        role=found.role,
        instance=found.instance,
        recipe_uri=found.recipe_uri,
    )
