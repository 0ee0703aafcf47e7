"""Counting the tokens of a row with a real tokenizer, or saying that there is none.

The prompt is rendered by the tokenizer's own chat template and the answer counted behind it, so that a figure of the
data card is the one that the trainer meets. Needs neither torch nor transformers.
"""

from __future__ import annotations

import functools
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from data_prep.lake import file_hash
from data_prep.records import Message
from proposal.errors import InputError

CACHED = 256


@dataclass(frozen=True)
class Tokenizer:
    """A tokenizer folder as a counter; without a folder nothing is counted and every figure is None."""

    folder: str = ""

    @functools.cached_property
    def name(self) -> str:
        """Return what the card calls the counter: the folder's name and the hash of its tokenizer."""
        if not self.folder:
            return ""
        return f"{Path(self.folder).name} (tokenizer.json {file_hash(Path(self.folder) / 'tokenizer.json')[:12]})"

    @functools.cached_property
    def _encode(self) -> Any:
        from tokenizers import Tokenizer as Fast

        return Fast.from_file(str(Path(self.folder) / "tokenizer.json"))

    @functools.cached_property
    def _template(self) -> Any:
        import jinja2.sandbox

        folder = Path(self.folder)
        config = json.loads((folder / "tokenizer_config.json").read_text(encoding="utf-8"))
        path = folder / "chat_template.jinja"
        source = path.read_text(encoding="utf-8") if path.is_file() else config.get("chat_template", "")
        if not source:
            raise InputError("the tokenizer has no chat template", where=self.folder,
                             expected="chat_template.jinja beside tokenizer.json")  # fmt: skip
        names = {key: _text(config.get(key)) for key in ("bos_token", "eos_token")}
        environment = jinja2.sandbox.ImmutableSandboxedEnvironment(trim_blocks=True, lstrip_blocks=True)
        return environment.from_string(source), names

    def prompt(self, messages: Sequence[Message]) -> int | None:
        """Return the tokens of the turns before an answer, with the marks that open the answer."""
        return self._prompt(tuple((turn.role, turn.content) for turn in messages)) if self.folder else None

    @functools.lru_cache(maxsize=CACHED)  # noqa: B019 - a counter lives as long as its process
    def _prompt(self, turns: tuple[tuple[str, str], ...]) -> int:
        template, names = self._template
        messages = [{"role": role, "content": content} for role, content in turns]
        text = template.render(messages=messages, add_generation_prompt=True, **names)
        return len(self._encode.encode(text, add_special_tokens=False).ids)

    @functools.lru_cache(maxsize=CACHED)  # noqa: B019
    def answer(self, text: str) -> int | None:
        """Return the tokens of an answer, with the mark that ends it."""
        return len(self._encode.encode(text, add_special_tokens=False).ids) + 1 if self.folder else None


def tokenizer_of(folder: str) -> Tokenizer:
    """Return the counter of a folder; no folder, or none that is there, counts nothing."""
    return Tokenizer(folder if folder and (Path(folder) / "tokenizer.json").is_file() else "")


def _text(token: Any) -> str:
    return str(token["content"] if isinstance(token, dict) else token or "")
