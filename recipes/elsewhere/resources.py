"""The resource sheet of a job: what somebody has to have, ask for and pay before it can run.

Prices are the user's: none is known here. Sizes come from `recipes.estimates` where the model's config is at hand.
"""

from __future__ import annotations

import json
from pathlib import Path

from recipes.elsewhere.job import NOT_RUN, PROJECT_IN_IMAGE, Job
from recipes.estimates import GIB, disk_bytes, estimate_memory, plan_of
from recipes.model_shape import read_shape
from recipes.recipe import file_part

RESOURCES_FILE = "resources.md"
ACCOUNTS = {
    "skypilot": ("an account of a cloud or a cluster that `sky check` lists", "the bucket of data and checkpoints"),
    "kubeflow": ("a Kubernetes cluster with Kubeflow Trainer", "a namespace in which you may create TrainJobs"),
    "slurm": ("a login on the cluster, with a partition that has the GPUs", "Pyxis, to run the image"),
    "sagemaker": ("an AWS account and the role that the job takes", "the bucket of data, recipe and checkpoints"),
}
QUOTAS = {
    "skypilot": "GPUs (spot ones count apart) in the region that SkyPilot chooses",
    "kubeflow": "nvidia.com/gpu in the namespace",
    "slurm": "GPUs and hours of your account (sacctmgr show assoc)",
    "sagemaker": "training instances of this type in the region (spot ones count apart)",
}


def sheet(job: Job, launcher: str) -> str:
    """Write the sheet as Markdown."""
    gpus = job.nodes * job.gpu_count
    lines = [
        f"# Resources of {job.name} ({launcher})",
        "",
        f"Job {NOT_RUN}.",
        "",
        "| what | needed |",
        "|---|---|",
        *(f"| account | {text} |" for text in ACCOUNTS[launcher]),
        f"| quota | {QUOTAS[launcher]}: {gpus} × {job.gpu_kind} |",
        *([f"| instances | {job.nodes} × {job.instance} |"] if job.instance else []),
        f"| image | `{job.image}`, with ms-swift and this project in `{PROJECT_IN_IMAGE}`, its working folder |",
        f"| data | `{job.data}`, {_data(job)} |",
        *(f"| adapter | `{text}`: copy it to `{job.checkpoints}` |" for text in job.recipe.listed("adapters")),
        *_sizes(job),
        "",
        "## Cost",
        "",
        _cost(job, gpus),
        "",
        "Beside it: storage of data and checkpoints, and traffic between regions, at your provider's prices.",
    ]
    return "\n".join(lines) + "\n"


def _data(job: Job) -> str:
    files = [Path(file_part(text)) for text in [*job.recipe.listed("dataset"), *job.recipe.listed("val_dataset")]]
    here = [file for file in files if file.is_file()]
    size = sum(file.stat().st_size for file in here)
    names = ", ".join(file.name for file in files)
    return f"{names} ({size / 1e6:.1f} MB here; upload it)" if here else f"{names} (not on this machine)"


def _sizes(job: Job) -> list[str]:
    config = Path(str(job.recipe.values.get("model", ""))) / "config.json"
    if not config.is_file():
        model = job.recipe.values.get("model")
        return [
            f"| memory of a GPU | not estimated: no config.json of `{model}` on this machine |",
            f"| checkpoints | `{job.checkpoints}`, size not estimated |",
        ]
    shape = read_shape(json.loads(config.read_text(encoding="utf-8")), where=str(config))
    plan = plan_of(job.recipe, shape, devices=job.nodes * job.gpu_count)
    memory = estimate_memory(shape, plan)
    return [
        f"| memory of a GPU | {memory.total / GIB:.1f} GiB by formula ({'; '.join(memory.lines()[:4])}) |",
        f"| checkpoints | `{job.checkpoints}`, {disk_bytes(shape, plan) / 1e9:.2f} GB at a time |",
    ]


def _cost(job: Job, gpus: int) -> str:
    formula = f"{job.nodes} nodes × {job.gpu_count} GPUs × {job.hours:g} hours at most × price of a GPU hour"
    if job.price is None:
        return f"{formula} = {gpus * job.hours:g} GPU hours × price. Give yours: --gpu-hour-price."
    return f"{formula} = {gpus * job.hours:g} × {job.price:g} = {gpus * job.hours * job.price:,.2f} (your price)."
