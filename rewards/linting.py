"""What ms-swift would do with a GRPO data set and configuration, said before a GPU second is spent.

Every check here is a failure that users of the trainer report: a plugin that is not registered, a column that is
missing or renamed, rows that vanish, prompts that are cut, rewards that are always zero. All problems come at once.
"""

from __future__ import annotations

import importlib.util
import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import yaml

from proposal.errors import InputError, nearest
from rewards import COMPONENTS, REWARDS, analyse
from rewards.rows import COLUMNS, RESERVED, ColumnError, Task, length_band, read_task
from rewards.training import parse_row

Strength = Literal["error", "warning"]

CHARACTERS_PER_TOKEN = {"en": 3.6, "zh": 1.4}
"""Rough sizes for lengths without a tokenizer; a warning says that it is an estimate."""
GOOD_TEXT = 0.9
"""What the text of a row's own assistant turn should earn: below, the data or a reward is wrong."""
MAX_SHOWN = 200

_SWIFT_FILLS = {"messages", "images", "videos", "audios", "tools", "objects", "chat_template_kwargs"}


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that would go wrong, where, and what to do."""

    where: str
    message: str
    fix: str = ""
    strength: Strength = "error"

    def __str__(self) -> str:
        return f"{self.strength}: {self.where}: {self.message}" + (f"\n  to do: {self.fix}" if self.fix else "")


def lint(dataset: Path, *, config: Path | None = None) -> list[Problem]:
    """Return every problem of a data set and, if given, of the configuration it is trained with."""
    settings = _read_config(config) if config else {}
    problems = [*plugin_problems(), *(_config_problems(settings, str(config)) if config else ())]
    seen: Counter[str] = Counter()
    columns: Counter[str] = Counter()
    count = 0
    for number, line in _lines(dataset):
        count += 1
        where = f"{dataset}:{number}"
        try:
            row = parse_row(line, where=where)
            columns.update(row.keys())
            seen[json.dumps([row.get("messages"), *(row.get(name) for name in COLUMNS)], sort_keys=True)] += 1
            problems += _row_problems(row, read_task(row, where=where), where, settings)
        except ColumnError as error:
            problems.append(Problem(error.where or where, error.message, error.fix or error.expected or ""))
    problems += _table_problems(dataset, count, columns, seen)
    return sorted(problems, key=lambda problem: problem.strength)[:MAX_SHOWN]


def _lines(dataset: Path) -> Iterator[tuple[int, str]]:
    try:
        with dataset.open(encoding="utf-8") as file:
            for number, line in enumerate(file, start=1):
                if line.strip():
                    yield number, line
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"cannot be read: {error}", where=str(dataset), expected="a JSONL file") from None


def plugin_problems() -> Iterator[Problem]:
    """Import the plugin as ms-swift does, where ms-swift is installed, and look our names up."""
    plugin = Path(__file__).with_name("dao_swift_plugin.py")
    if importlib.util.find_spec("swift") is None:
        yield Problem(
            str(plugin),
            "ms-swift is not installed here, so the plugin was not imported",
            "run this command in the model environment to check registration too",
            "warning",
        )
        return
    from importlib import import_module

    orms = import_module("swift.rewards").orms
    import_module("swift.utils").import_external_file(str(plugin))
    for reward in REWARDS:
        if reward.name not in orms:
            yield Problem(str(plugin), f"'{reward.name}' is not registered", "correct the plugin")


def _row_problems(row: Mapping[str, Any], task: Task, where: str, settings: Mapping[str, Any]) -> Iterator[Problem]:
    messages = row.get("messages")
    if not _is_chat(messages):
        yield Problem(
            where,
            "'messages' is not a list of turns with 'role' and 'content'",
            "write the prompt as messages: other names are mapped by guessing",
        )
        return
    assert isinstance(messages, list)
    prompt = "\n".join(turn["content"] for turn in messages if turn["role"] != "assistant")
    if messages[-1]["role"] == "assistant":
        yield from _gold_problems(messages[-1]["content"], task, where)
    if task.section is not None and task.section.writer == "server":
        yield Problem(
            where,
            f"the section '{task.section.key}' is written by the server, not by a model",
            "leave the row out, or name a section that the model writes",
        )
    unseen = [item for item in task.required if item not in prompt]
    if unseen:
        yield Problem(
            where,
            f"required evidence is not in the prompt: {', '.join(unseen)}",
            "a model cannot cite what it is not shown: render the prompt from the same evidence",
        )
    yield from _length_problems(prompt, task, where, settings)


def _is_chat(messages: Any) -> bool:
    return (
        isinstance(messages, list)
        and bool(messages)
        and all(isinstance(turn, dict) and isinstance(turn.get("content"), str) and "role" in turn for turn in messages)
    )


def _gold_problems(text: str, task: Task, where: str) -> Iterator[Problem]:
    """Score the row's own answer: the trainer throws it away, but it tells whether the row can be won at all."""
    analysis = analyse(text, task)
    low = {reward.name: reward.score(analysis).value for reward in COMPONENTS}
    low = {name: value for name, value in low.items() if value < GOOD_TEXT}
    if low:
        told = ", ".join(f"{name} {value:.2f}" for name, value in low.items())
        yield Problem(
            where,
            f"the assistant turn of the row earns only {told}",
            "explain it with: dao-agent reward explain --row",
            "warning",
        )


def _length_problems(prompt: str, task: Task, where: str, settings: Mapping[str, Any]) -> Iterator[Problem]:
    rate = CHARACTERS_PER_TOKEN[task.brief.language]
    longest = settings.get("max_length")
    if isinstance(longest, int) and len(prompt) / rate > longest:
        yield Problem(
            where,
            f"the prompt has about {len(prompt) / rate:,.0f} tokens, max_length is {longest:,}",
            "raise max_length or shorten the evidence: 'delete' drops the row, 'left' cuts the instructions",
            "warning",
        )
    room = settings.get("max_completion_length")
    needed = length_band(task)[0] * (6 if task.brief.language == "en" else 1) / rate
    if isinstance(room, int) and needed > room:
        yield Problem(
            where,
            f"the shortest good text has about {needed:,.0f} tokens, max_completion_length is {room:,}",
            "raise max_completion_length: a truncated completion earns nothing",
            "warning",
        )


def _table_problems(dataset: Path, count: int, columns: Counter[str], seen: Counter[str]) -> Iterator[Problem]:
    where = str(dataset)
    if not count:
        yield Problem(where, "the data set has no rows", "build it again")
    for name in sorted((set(columns) & RESERVED) - _SWIFT_FILLS):
        yield Problem(
            where, f"ms-swift renames or fills the column '{name}' itself", f"rename it to dao_{name}", "warning"
        )
    for name, filled in sorted(columns.items()):
        if filled < count and name in COLUMNS:
            yield Problem(where, f"the column '{name}' stands in {filled} of {count} rows", "write it in every row")
    doubled = sum(times - 1 for times in seen.values() if times > 1)
    if doubled:
        yield Problem(where, f"{doubled} rows repeat another row", "build the rows without repeats", "warning")


def _read_config(config: Path) -> dict[str, Any]:
    try:
        data = yaml.safe_load(config.read_text(encoding="utf-8"))
    except (OSError, yaml.YAMLError) as error:
        raise InputError(f"cannot be read: {error}", where=str(config), expected="an ms-swift YAML file") from None
    if not isinstance(data, dict):
        raise InputError(f"found {type(data).__name__}", where=str(config), expected="an ms-swift YAML file")
    return data


def _config_problems(settings: Mapping[str, Any], where: str) -> Iterator[Problem]:
    known = {reward.name: reward for reward in REWARDS}
    names = _as_list(settings.get("reward_funcs"))
    for name in names:
        if name not in known and nearest(str(name), known):
            yield Problem(where, f"there is no reward '{name}'", f"did you mean '{nearest(str(name), known)}'?")
    if not set(names) & set(known):
        yield Problem(where, "reward_funcs names none of our rewards", f"known: {', '.join(known)}")
    if not any("dao_swift_plugin" in str(one) for one in _as_list(settings.get("external_plugins"))):
        yield Problem(
            where,
            "external_plugins does not name the plugin, so the rewards are not registered",
            "add rewards/dao_swift_plugin.py",
        )
    yield from _weight_problems(names, _as_list(settings.get("reward_weights")), where)
    yield from _group_problems(settings, where)


def _weight_problems(names: Sequence[Any], weights: Sequence[Any], where: str) -> Iterator[Problem]:
    if weights and len(weights) != len(names):
        yield Problem(where, f"{len(weights)} reward_weights for {len(names)} reward_funcs", "give one for each")
    if not weights:
        yield Problem(where, "without reward_weights every reward counts 1, the diagnostics too", "give the weights")
    for weight in weights:
        if not isinstance(weight, int | float) or weight * 16 != int(weight * 16):
            yield Problem(
                where,
                f"the weight {weight} is no multiple of 1/16",
                "equal rewards would differ by rounding, and zero-spread groups would look informative",
            )


def _group_problems(settings: Mapping[str, Any], where: str) -> Iterator[Problem]:
    group = settings.get("num_generations", 8)
    if settings.get("scale_rewards") == "gdpo" and isinstance(group, int) and group & (group - 1):
        yield Problem(
            where,
            f"num_generations {group} is no power of two",
            "use 4, 8 or 16: with others GDPO's division by a spread of 1e-8 magnifies rounding",
            "warning",
        )
    if settings.get("truncation_strategy", "left") == "left":
        yield Problem(
            where,
            "truncation_strategy 'left' (the default of GRPO) cuts the beginning of long prompts",
            "set truncation_strategy: delete",
            "warning",
        )
    if settings.get("strict") is False:
        yield Problem(where, "strict: false drops bad rows silently", "set strict: true", "warning")
    if settings.get("scale_rewards") == "gdpo" and settings.get("kl_in_reward"):
        yield Problem(where, "kl_in_reward does not go with scale_rewards: gdpo", "remove one of them")


def _as_list(value: Any) -> list[Any]:
    if value is None:
        return []
    return list(value) if isinstance(value, list | tuple) else [value]
