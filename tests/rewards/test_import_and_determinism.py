"""The rewards load nothing heavy, give the same numbers everywhere, and stay within time and memory."""

from __future__ import annotations

import importlib.metadata
import json
import subprocess
import sys
import time
import weakref
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

import rewards
from rewards import COMPONENTS, REWARDS, analyse, score_all
from rewards.training import reward_column
from tests.rewards.drafts import EN, EVIDENCE, HONEST_EN, HONEST_ZH, WHOLE_EN, WHOLE_ZH, columns, task, values

ROOT = Path(rewards.__file__).parents[1]
HEAVY = {"torch", "transformers", "swift", "vllm", "fastapi", "starlette", "numpy", "datasets"}


def run(code: str, *, seed: str = "0") -> str:
    return subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        env={"PYTHONHASHSEED": seed, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
    ).stdout


@pytest.mark.slow  # a process of its own; tests/test_architecture.py imports the whole room in the fast tier
def test_importing_the_rewards_loads_nothing_heavy() -> None:
    loaded = json.loads(run("import rewards, rewards.training, json, sys; print(json.dumps(sorted(sys.modules)))"))
    assert not {name.split(".")[0] for name in loaded} & HEAVY


def test_only_the_plugin_imports_ms_swift() -> None:
    importing = [
        path.name
        for path in sorted(Path(rewards.__file__).parent.glob("*.py"))
        if "from swift" in path.read_text(encoding="utf-8") or "import swift" in path.read_text(encoding="utf-8")
    ]
    assert importing == ["dao_swift_plugin.py"]


def test_no_module_of_the_rewards_shadows_a_library() -> None:
    # ms-swift puts the folder of the plugin first on the path, so each file there can be imported by its bare name.
    ours = {path.stem for path in Path(rewards.__file__).parent.glob("*.py")} - {"__init__"}
    libraries = set(sys.stdlib_module_names) | set(importlib.metadata.packages_distributions())
    assert not ours & libraries


@pytest.mark.slow
@pytest.mark.parametrize("seed", ["1", "42"])
def test_another_process_with_another_hash_seed_gets_the_same_numbers(seed: str) -> None:
    code = (
        "import json; from tests.rewards.drafts import *;"
        "print(json.dumps([values(t, language=l) for t, l in "
        "((WHOLE_EN, 'en'), (WHOLE_ZH, 'zh'), (HONEST_EN.replace('338', '388'), 'en'), (ALL_IDS.join(EN), 'en'))]))"
    )
    here = [
        values(text, language=language)
        for text, language in (
            (WHOLE_EN, "en"),
            (WHOLE_ZH, "zh"),
            (HONEST_EN.replace("338", "388"), "en"),
            (" ".join(f"[{item}]" for item in EVIDENCE).join(EN), "en"),
        )
    ]
    assert json.loads(run(code, seed=seed)) == here


def test_threads_get_the_same_numbers() -> None:
    texts = [HONEST_EN, HONEST_ZH, WHOLE_EN, HONEST_EN.replace("338", "388")] * 4
    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(values, texts)) == [values(text) for text in texts]


HOSTILE = {
    "list markers": "1." * 500_000,
    "brackets": "[" * 1_000_000,
    "slots": "{{E1.sales_q3}}. " * 60_000,
    "open slots": "{{" * 500_000,
    "citations": "[E1]" * 250_000,
    "backticks": "`" * 1_000_000,
    "comments": "<!--" * 250_000,
    "digits": "9" * 1_000_000,
    "commas": "1," * 500_000,
    "numbers": "123 USDC " * 110_000,
    "tables": "|a" * 500_000,
    "quotes": "“" * 1_000_000,
    "Chinese numerals": "十百千万亿" * 200_000,
    "words": "forty-five thousand " * 50_000,
    "stars": "*a_" * 330_000,
    "nested lists": "".join(" " * (depth % 400) + "- a\n" for depth in range(4_000)),
    "hex": "0x" + "ab" * 500_000,
    "invisible": "\u200b" * 1_000_000,
    "entities": "&#52;" * 200_000,
    "think": "<think>" * 150_000,
    "headings": "# a\n" * 250_000,
    "no spaces": "a" * 1_000_000,
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_megabyte_of_hostile_text_is_scored_in_bounded_time(name: str) -> None:
    given = task()
    started = time.process_time()
    analysis = analyse(HOSTILE[name], given)
    assert all(0.0 <= reward.score(analysis).value <= 1.0 for reward in REWARDS)
    # The bench holds the true bound; this one only catches what is not linear, on any machine.
    assert time.process_time() - started < 3.0


def test_the_cache_does_not_grow_without_bound() -> None:
    from rewards import MAX_SCORED, _score_all
    from rewards.analysis import MAX_CACHED, _analyse

    for number in range(MAX_CACHED + 50):
        score_all(f"Text {number}.", task())
    assert _analyse.cache_info().currsize <= MAX_CACHED
    assert _score_all.cache_info().maxsize == MAX_SCORED


def test_one_analysis_serves_all_rewards() -> None:
    from rewards.analysis import _analyse

    before = _analyse.cache_info().misses
    analysis = analyse(HONEST_EN + " One more.", task())
    for reward in COMPONENTS:
        reward.score(analyse(HONEST_EN + " One more.", task()))
        assert reward.score(analysis) is reward.score(analysis)
    assert _analyse.cache_info().misses == before + 1


def test_a_batch_is_analysed_once_for_all_columns_and_no_analysis_of_it_is_kept() -> None:
    from rewards.analysis import MAX_CACHED, _analyse

    texts = [f"{HONEST_EN} Part {number}." for number in range(MAX_CACHED + 5)]
    before = _analyse.cache_info().misses
    for reward in REWARDS:
        assert reward_column(reward, texts, columns(len(texts))) == [
            score_all(text, task())[reward.name].value for text in texts
        ]
    assert _analyse.cache_info().misses == before + len(texts)
    held = weakref.ref(analyse(texts[0], task()))
    for text in texts[1:]:
        analyse(text, task())
    assert held() is None
