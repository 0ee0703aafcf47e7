"""What only the training environment can tell: one short process that loads a tokenizer and no
weights.

    python -m recipes.probe < request.json

Started by the preflight, answers with one JSON line. It reads the data through ms-swift's own chat
template and counts what is learnt, and compares its prompts with those that the model's chat
template gives, which is what a server of the model uses: training on other tokens than those served
is a mistake that no error message ever shows.
"""

from __future__ import annotations

import importlib.metadata
import json
import sys
from pathlib import Path
from typing import Any

MAX_ROWS = 2_000
"""Rows that are tokenised, the longest ones first."""
PARITY_ROWS = 20
ANSWER = "dao-probe:"
"""What the line of the answer begins with: the libraries print lines of their own."""


def main() -> None:
    """Answer one request from standard input."""
    request = json.load(sys.stdin)
    answer: dict[str, Any] = {"release": importlib.metadata.version("ms-swift")}
    if request["reward_funcs"] or request["plugins"]:
        answer["rewards"] = reward_names(request["plugins"])
    if request["model"]:
        try:
            answer.update(read_rows_as_swift(request))
        except (ValueError, KeyError, OSError, AssertionError) as error:
            answer["model_error"] = f"{type(error).__name__}: {error}"
    sys.stdout.write(f"{ANSWER}{json.dumps(answer)}\n")


def reward_names(plugins: list[str]) -> dict[str, Any]:
    """Return the reward names that are registered once the plugins were imported."""
    from swift.rewards import orms
    from swift.utils.utils import import_external_file

    for plugin in plugins:
        try:
            import_external_file(plugin)
        except Exception as error:  # whatever a plugin does wrong is the answer, not our failure
            return {"plugin": plugin, "error": f"{type(error).__name__}: {error}"}
    return {"names": sorted(orms)}


def read_rows_as_swift(request: dict[str, Any]) -> dict[str, Any]:
    """Tokenise the longest rows with ms-swift's template and compare prompts with the chat
    template.
    """
    from swift import get_model_processor, get_template

    options = {"model_type": request["model_type"]} if request["model_type"] else {}
    _, processor = get_model_processor(request["model"], load_model=False, **options)
    method = request["method"]
    template = get_template(processor, template_type=request["template"] or None, use_chat_template=method != "cpt")
    rows = _longest_rows(request["datasets"])
    template.set_mode("transformers" if method == "grpo" else "train")
    lengths = [[*_length(row, template, method), file, number] for file, number, row in rows]
    lengths.sort(key=lambda found: -found[0])
    return {
        "lengths": lengths,
        "parity": [] if method == "cpt" else _parity(rows[:PARITY_ROWS], template, processor),
        "template": template.template_meta.template_type,
        "positions": getattr(processor.model_info, "max_model_len", None),
    }


def _length(row: dict[str, Any], template: Any, method: str) -> list[Any]:
    """Return the tokens of a row, the longer of its two answers, and how many of them are learnt."""
    texts = [_turns(row, method == "grpo")]
    if method in {"dpo", "rm"} and isinstance(row.get("rejected_response"), str):
        texts.append([*_turns(row, True), {"role": "assistant", "content": row["rejected_response"]}])
    found = []
    for turns in texts:
        encoded = template.encode({"messages": turns, **_media(row)})
        learnt = sum(label != -100 for label in encoded.get("labels") or [])
        found.append((len(encoded["input_ids"]), learnt))
    return [max(tokens for tokens, _ in found), min(learnt for _, learnt in found)]


def _media(row: dict[str, Any]) -> dict[str, Any]:
    return {"images": list(row["images"])} if row.get("images") else {}


def _longest_rows(files: list[str]) -> list[tuple[str, int, dict[str, Any]]]:
    rows = []
    for file in files:
        text = Path(file).read_text(encoding="utf-8")
        data = json.loads(text) if text.lstrip().startswith("[") else map(json.loads, filter(None, text.split("\n")))
        rows += [(file, number, row) for number, row in enumerate(data, 1) if "messages" in row]
    rows.sort(key=lambda item: -len(json.dumps([item[2]["messages"], item[2].get("rejected_response")])))
    return rows[:MAX_ROWS]


def _turns(row: dict[str, Any], prompt_only: bool) -> list[dict[str, Any]]:
    turns = [{"role": turn["role"], "content": turn["content"]} for turn in row["messages"]]
    return turns[:-1] if prompt_only and turns[-1]["role"] == "assistant" else turns


def _parity(rows: list[tuple[str, int, dict[str, Any]]], template: Any, processor: Any) -> list[dict[str, Any]]:
    """Return the rows whose prompt has other tokens in training than under the model's own chat
    template. An image is one token in the chat template and as many as it needs in training.
    """
    tokenizer = template.tokenizer
    renderer = processor if getattr(processor, "chat_template", None) else tokenizer
    if not getattr(renderer, "chat_template", None):
        return [
            {
                "file": "",
                "row": 0,
                "why": "the model has no chat template, so no server can chat with it",
            }
        ]
    differences = []
    template.set_mode("transformers")
    for file, number, row in rows:
        turns, media = _turns(row, True), _media(row)
        ours = list(template.encode({"messages": turns, **media})["input_ids"])
        turns = [{**turn, "content": _parts(turn["content"])} for turn in turns] if media else turns
        text = renderer.apply_chat_template(turns, tokenize=False, add_generation_prompt=True)
        theirs = tokenizer(text, add_special_tokens=False)["input_ids"]
        if media:
            ours = _images_as_one(ours, getattr(template, "image_token_id", None))
        if ours != theirs:
            why = _difference(ours, theirs, tokenizer)
            differences.append({"file": file, "row": number, "why": why})
    return differences


def _parts(text: str) -> list[dict[str, str]]:
    """Write a turn as servers receive it: an image stands as a part of its own."""
    parts: list[dict[str, str]] = []
    for index, words in enumerate(text.split("<image>")):
        parts += [{"type": "image"}] if index else []
        parts += [{"type": "text", "text": words}] if words else []
    return parts


def _images_as_one(ids: list[int], image: int | None) -> list[int]:
    return [token for index, token in enumerate(ids) if token != image or index == 0 or ids[index - 1] != image]


def _difference(ours: list[int], theirs: list[int], tokenizer: Any) -> str:
    pairs = enumerate(zip(ours, theirs, strict=False))
    at = next((i for i, (a, b) in pairs if a != b), min(len(ours), len(theirs)))
    trained, served = (tokenizer.decode(ids[at : at + 6]) for ids in (ours, theirs))
    return f"token {at}: training {trained!r}, serving {served!r}"


if __name__ == "__main__":
    main()
