"""Jobs for other machines: golden specifications, checked inputs, and SageMaker's calls against moto."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from proposal.errors import ConfigError, InputError
from recipes.elsewhere import LAUNCHERS, sagemaker, write_job
from recipes.elsewhere.container import torchrun_variables, with_resource_config
from recipes.elsewhere.job import NOT_RUN, RECIPE_FILE, Job, remote_recipe
from recipes.launch import main, set_aside
from recipes.recipe import SFT, load_recipe
from tests.recipes.builders import ROOT, a_recipe

CASES = ROOT / "tests" / "cases" / "jobs"
WRITE = os.environ.get("DAO_WRITE_CASES") == "1"
S3 = {"data": "s3://dao-example/cuts/abc", "checkpoints": "s3://dao-example/runs"}
SHARED = {"data": "/shared/cuts/abc", "checkpoints": "/shared/runs"}


def a_job(**changed: Any) -> Job:
    """Build a valid job of a recipe that is shipped."""
    recipe = load_recipe(ROOT / "recipes" / "configs" / "sft_qwen3.yaml", SFT, ["dataset=[data/cuts/x/sft.jsonl#500]"])
    job = Job(
        recipe=recipe,
        name="dao-sft",
        image="registry.example.org/dao-train:1.2.0",
        gpus="H100:8",
        nodes=2,
        hours=12.5,
        spot=True,
        price=2.0,
        role="arn:aws:iam::123456789012:role/training",
        instance="ml.p5.48xlarge",
        recipe_uri="s3://dao-example/jobs/dao-sft",
        **S3,
    )
    return replace(job, **changed)


def for_launcher(launcher: str) -> Job:
    return a_job(**(S3 if LAUNCHERS[launcher][0].in_s3 else SHARED))


@pytest.mark.parametrize("launcher", LAUNCHERS)
def test_the_files_of_a_job_are_those_that_were_read(tmp_path: Path, launcher: str) -> None:
    for path in write_job(for_launcher(launcher), launcher, tmp_path):
        text = path.read_text(encoding="utf-8").replace(str(ROOT), "ROOT")
        golden = CASES / f"{launcher}.{path.name}"
        if WRITE:
            golden.write_text(text, encoding="utf-8")
        assert text == golden.read_text(encoding="utf-8"), f"DAO_WRITE_CASES=1 writes {golden.name}"


@pytest.mark.parametrize("launcher", LAUNCHERS)
def test_every_specification_says_that_it_was_not_run(tmp_path: Path, launcher: str) -> None:
    specification, _, resources = write_job(for_launcher(launcher), launcher, tmp_path)
    assert NOT_RUN in specification.read_text(encoding="utf-8")
    assert NOT_RUN in resources.read_text(encoding="utf-8")


def test_the_recipe_in_the_job_reads_its_data_where_the_job_has_them() -> None:
    values = remote_recipe(a_job(), LAUNCHERS["skypilot"][0])
    assert values["dataset"] == ["/data/sft.jsonl#500"]
    assert values["output_dir"] == "/checkpoints/dao-sft"
    assert values["model"] == "Qwen/Qwen3-4B-Instruct-2507"


def test_an_adapter_is_looked_for_among_the_run_folders_of_the_job(tmp_path: Path) -> None:
    values = {
        "model": "Qwen/Qwen3-4B-Instruct-2507",
        "output_dir": "runs/grpo",
        "adapters": ["runs/sft/last-checkpoint"],
    }
    job = a_job(recipe=load_recipe(a_recipe(tmp_path, **values), SFT))
    assert remote_recipe(job, LAUNCHERS["sagemaker"][0])["adapters"] == ["/opt/ml/checkpoints/sft/last-checkpoint"]
    job = a_job(recipe=load_recipe(a_recipe(tmp_path, **{**values, "adapters": ["elsewhere/sft"]}), SFT))
    with pytest.raises(InputError, match="is not beside the run folder"):
        write_job(job, "skypilot", tmp_path / "out")


def test_the_processes_of_a_node_are_for_the_machines_to_say(tmp_path: Path) -> None:
    path = a_recipe(tmp_path, ENV={"NPROC_PER_NODE": 4, "OMP_NUM_THREADS": 2})
    values = remote_recipe(a_job(recipe=load_recipe(path, SFT)), LAUNCHERS["slurm"][0])
    assert values["ENV"] == {"OMP_NUM_THREADS": "2"}


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"image": "registry.example.org/dao:latest"}, "names no fixed image"),
        ({"image": "dao"}, "names no fixed image"),
        ({"gpus": "8"}, "is no kind and count"),
        ({"nodes": 0}, "0 nodes"),
        ({"hours": 0}, "0 hours"),
        ({"name": "DAO SFT"}, "is no name for a job"),
        ({"data": "s3://Bad_Bucket/x"}, "is no place in S3"),
        ({"data": "s3://dao-example"}, "is no place in S3"),
        ({"data": "/shared/cuts"}, "where skypilot takes it from"),
        ({"checkpoints": "s3://dao-example/cuts/abc/"}, "is the place of the data"),
    ],
)
def test_a_wrong_input_is_named_and_nothing_is_written(tmp_path: Path, changed: Any, said: str) -> None:
    with pytest.raises(InputError) as caught:
        write_job(a_job(**changed), "skypilot", tmp_path / "out")
    assert said in str(caught.value)
    assert not (tmp_path / "out").exists()


def test_all_wrong_inputs_are_named_at_once(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="4 problems in the job's inputs"):
        write_job(a_job(gpus="", role="me", instance="p5", recipe_uri="train.yaml"), "sagemaker", tmp_path)


def test_a_model_that_lies_on_this_machine_cannot_be_trained_elsewhere(tmp_path: Path) -> None:
    job = a_job(recipe=load_recipe(a_recipe(tmp_path), SFT))
    with pytest.raises(InputError, match="lies on this machine"):
        write_job(job, "skypilot", tmp_path / "out")


def test_the_slurm_script_is_one_that_bash_reads(tmp_path: Path) -> None:
    script, *_ = write_job(for_launcher("slurm"), "slurm", tmp_path)
    subprocess.run(["bash", "-n", str(script)], check=True)
    node = shlex.split(script.read_text(encoding="utf-8").rstrip().rpartition("\n")[2])[-1]
    subprocess.run(["bash", "-n", "-c", node], check=True)


@pytest.mark.parametrize("launcher", ["skypilot", "kubeflow"])
def test_the_script_of_a_node_is_one_that_bash_reads_and_holds_the_recipe(tmp_path: Path, launcher: str) -> None:
    specification, recipe, _ = write_job(for_launcher(launcher), launcher, tmp_path)
    spec = yaml.safe_load(specification.read_text(encoding="utf-8"))
    script = spec["run"] if launcher == "skypilot" else spec["spec"]["trainer"]["args"][0]
    subprocess.run(["bash", "-n", "-c", script], check=True)
    if launcher == "kubeflow":
        inside = script.partition("<<'RECIPE'\n")[2].partition("RECIPE\n")[0]
        assert inside == recipe.read_text(encoding="utf-8")


def test_without_a_price_the_sheet_has_a_formula_and_no_amount(tmp_path: Path) -> None:
    *_, sheet = write_job(a_job(price=None), "skypilot", tmp_path)
    text = sheet.read_text(encoding="utf-8")
    assert "= 200 GPU hours × price" in text
    assert "your price" not in text


def test_the_launcher_writes_a_job_and_starts_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    config = a_recipe(tmp_path, model="Qwen/Qwen3-4B-Instruct-2507")
    words = ["--launcher", "slurm", "--out", str(tmp_path / "job"), "--image", "registry.example.org/dao:1", "--gpus",
             "H100:4", "--data", "/shared/cut", "--checkpoints", "/shared/runs"]  # fmt: skip
    assert main(SFT, "about", [str(config), *words]) == 0
    assert capsys.readouterr().out.splitlines() == [
        str(tmp_path / "job" / name) for name in ("job.sbatch", RECIPE_FILE, "resources.md")
    ]
    assert not (tmp_path / "run").exists()


def test_an_attempt_that_died_early_is_kept_beside_the_next(tmp_path: Path) -> None:
    for _ in range(2):
        (tmp_path / "run").mkdir()
        (tmp_path / "run" / "run.json").write_text("{}", encoding="utf-8")
        set_aside(tmp_path / "run")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["run.attempt-1", "run.attempt-2"]


# --- SageMaker --------------------------------------------------------------------------------------------------------


def test_hosts_are_counted_and_the_first_one_leads() -> None:
    hosts = json.dumps([f"algo-{number}" for number in range(1, 12)])
    found = torchrun_variables({"SM_HOSTS": hosts, "SM_CURRENT_HOST": "algo-10", "SM_NUM_GPUS": "8"})
    assert (found["NNODES"], found["NODE_RANK"], found["MASTER_ADDR"]) == ("11", "9", "algo-1")


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"SM_HOSTS": None}, "'SM_HOSTS' is not set"),
        ({"SM_CURRENT_HOST": "algo-9"}, "do not fit together"),
        ({"SM_HOSTS": "algo-1"}, "do not fit together"),
        ({"SM_NUM_GPUS": "0"}, "no GPU"),
    ],
)
def test_what_a_container_is_told_wrongly_is_named(changed: dict[str, str | None], said: str) -> None:
    told = {"SM_HOSTS": '["algo-1"]', "SM_CURRENT_HOST": "algo-1", "SM_NUM_GPUS": "8", **changed}
    with pytest.raises(ConfigError, match=said):
        torchrun_variables({name: value for name, value in told.items() if value is not None})


def test_a_container_of_ones_own_reads_the_resource_file(tmp_path: Path) -> None:
    path = tmp_path / "resourceconfig.json"
    path.write_text(json.dumps({"current_host": "algo-2", "hosts": ["algo-1", "algo-2"]}), encoding="utf-8")
    found = torchrun_variables(with_resource_config({"SM_NUM_GPUS": "1"}, path))
    assert (found["NNODES"], found["NODE_RANK"]) == ("2", "1")


@pytest.mark.slow
def test_sagemaker_takes_the_request_and_its_job_can_be_shown(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """moto answers in the place of AWS; boto3 checks the request against Amazon's own description of it."""
    moto = pytest.importorskip("moto", reason="the dev extra brings it")
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    request, *_ = write_job(a_job(), "sagemaker", tmp_path)
    with moto.mock_aws():
        assert sagemaker.main(["create", str(request)]) == 0
        assert ":training-job/dao-sft" in capsys.readouterr().out
        assert sagemaker.main(["describe", "dao-sft"]) == 0
        assert json.loads(capsys.readouterr().out)["TrainingJobName"] == "dao-sft"
        kept = sagemaker.client().describe_training_job(TrainingJobName="dao-sft")
        assert kept["CheckpointConfig"] == {"S3Uri": S3["checkpoints"], "LocalPath": "/opt/ml/checkpoints"}
        assert kept["ResourceConfig"]["InstanceCount"] == 2
        assert sagemaker.main(["describe", "other"]) == 4
        assert "check credentials" in capsys.readouterr().err


@pytest.mark.slow
def test_a_job_is_stopped_by_its_name() -> None:
    """moto has no stop, so botocore's own stub answers; it checks the call against Amazon's description."""
    pytest.importorskip("boto3", reason="the elsewhere extra brings it")
    import boto3
    from botocore.stub import Stubber

    client = boto3.client("sagemaker", region_name="us-east-1", aws_access_key_id="x", aws_secret_access_key="x")
    with Stubber(client) as stub:
        stub.add_response("stop_training_job", {}, {"TrainingJobName": "dao-sft"})
        sagemaker.stop(client, "dao-sft")
        stub.assert_no_pending_responses()
