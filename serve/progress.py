"""Drafting progress for people on a terminal, and for logs where there is none.

On a terminal each running section is one live line; elsewhere a line is printed when a section ends. Finished
sections are kept in the draft folder the moment they arrive.
"""

from __future__ import annotations

from types import TracebackType
from typing import Any

from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from proposal.draft import SectionDraft
from serve.draft_folder import DraftFolder
from serve.events import DraftEvent


class DraftProgress:
    """Shows the events of one drafting run and keeps its finished sections."""

    def __init__(self, console: Console, folder: DraftFolder | None) -> None:
        self._console = console
        self._folder = folder
        self._headings: dict[str, str] = {}
        self._tasks: dict[str, Any] = {}
        self._characters: dict[str, int] = {}
        self._live = Progress(
            SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn(),
            console=console, transient=True, disable=not console.is_terminal,
        )  # fmt: skip

    def __enter__(self) -> DraftProgress:
        self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._live.stop()

    def on_event(self, event: DraftEvent) -> None:
        """Show one event; unknown sections and types are shown by their key, never an error."""
        heading = self._headings.get(event.section, event.section)
        if event.type == "started":
            self._headings = {entry["key"]: entry["heading"] for entry in event.data["sections"]}
            for key in event.data.get("kept", ()):
                self._say(f"  kept     {self._headings.get(key, key)}")
        elif event.type == "section_started":
            self._tasks[event.section] = self._live.add_task(heading, total=None)
        elif event.type == "delta" and event.section in self._tasks:
            count = self._characters.get(event.section, 0) + len(event.data["text"])
            self._characters[event.section] = count
            self._live.update(self._tasks[event.section], description=f"{heading} · {count} characters")
        elif event.type == "section_finished":
            self._finished(event, heading)

    def _finished(self, event: DraftEvent, heading: str) -> None:
        section = SectionDraft.model_validate(event.data)
        if self._folder is not None:
            self._folder.keep(section)
        if event.section in self._tasks:
            self._live.remove_task(self._tasks.pop(event.section))
        if section.writer == "model":
            removed = f", {len(section.removed)} sentences removed" if section.removed else ""
            self._say(f"  written  {heading} ({section.tokens} tokens, {section.seconds:.1f} s{removed})")

    def _say(self, line: str) -> None:
        self._console.print(line, markup=False, highlight=False)
