"""Drafting: a brief and its evidence become a whole draft, section by section, on the model endpoint.

Model-written sections are written side by side (a batch costs an engine hardly more than one); each is checked
sentence by sentence and its failing sentences are written again twice at most, then removed. What a section must state
is planned before and added by the server where the model left it out, so coverage does not depend on the model.
Finished sections are handed out as events at once: when the model dies, they are what a resumed draft starts from.
"""

from __future__ import annotations

import datetime as dt
import importlib.metadata
import threading
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor, as_completed

from proposal.assemble import assemble, claims_of
from proposal.checks import rules_hash, run_checks
from proposal.draft import Draft, DraftManifest, DraftRequest, Sampling, SectionDraft
from proposal.evidence import evidence_hash
from proposal.hashing import sha256_data, sha256_text
from proposal.prompt import prompt_hash
from proposal.sections import Material, server_text
from proposal.slots import fill, used_ids
from proposal.template import SectionSpec, Template
from serve.events import DraftEvent, Emit
from serve.llm import ChatModel, ModelHealth
from serve.preparing import Prepared, prepare
from serve.settings import Settings
from serve.stages import ALL, Stages
from serve.writing import SectionWriter

SAMPLING = Sampling(temperature=0.3, top_p=1.0, repetition_penalty=1.05, max_tokens=480, seed=7)
"""Sampling of the first try; a rewrite and further tries for the best are warmer (`serve.writing`).

`top_p` is off: on a CPU its sorting costs three tokens of ten, and at this temperature it changes next to nothing.
`max_tokens` is the most of any section; each asks for what its length needs.
"""

NO_MODEL = "none"
"""What stands in the manifest of a draft that no model wrote."""


class ModelDrafter:
    """Drafts on the endpoint of the settings; one instance serves many drafts and threads."""

    def __init__(self, settings: Settings, *, template: Template | None = None) -> None:
        self._settings = settings
        self._template = template
        self._model = ChatModel(settings)

    def close(self) -> None:
        self._model.close()

    def health(self) -> ModelHealth:
        """Tell whether the model endpoint answers, and with which model."""
        return self._model.health()

    def draft(self, request: DraftRequest, *, done: Mapping[str, SectionDraft], emit: Emit) -> Draft:
        """Write one draft; sections in `done` are kept as they are.

        Raises `InputError` for a request that cannot be drafted and `UpstreamError` when the model cannot be reached
        or dies; sections that were finished before have been emitted by then.
        """
        return self.draft_prepared(prepare(request, self._template), done=done, emit=emit)

    def draft_prepared(
        self, job: Prepared, *, done: Mapping[str, SectionDraft], emit: Emit, stages: Stages = ALL
    ) -> Draft:
        """Write one draft of which everything is decided; evaluation turns stages of the line off."""
        return _Run(job, self._model, SAMPLING, self._settings, emit, stages).draft(done)


class _Run:
    """One draft being written: holds what the section threads share."""

    def __init__(
        self, job: Prepared, model: ChatModel, sampling: Sampling, settings: Settings, emit: Emit, stages: Stages
    ) -> None:
        self.job = job
        self.model = model
        self.sampling = sampling
        self.settings = settings
        self.stages = stages
        self._emit = emit
        self._lock = threading.Lock()
        self.writer = SectionWriter(
            model, sampling=sampling,
            native=job.request.brief.language in settings.languages, figures=settings.model_figures,
            best_of=settings.best_of, stages=stages,
        )  # fmt: skip

    def emit(self, event: DraftEvent) -> None:
        with self._lock:
            self._emit(event)

    def draft(self, done: Mapping[str, SectionDraft]) -> Draft:
        brief = self.job.request.brief
        outline = [
            {"key": s.key, "heading": s.heading_in(brief.language), "writer": s.writer} for s in self.job.sections
        ]
        self.emit(DraftEvent(type="started", data={"sections": outline, "kept": sorted(done)}))
        name = (
            self.model.name if self.stages.model else NO_MODEL
        )  # asks the endpoint before any section starts: one clear error instead of six
        finished = self._write_sections(dict(done))
        draft = self._finish(finished, name)
        self.emit(DraftEvent(type="findings", data={"findings": [f.model_dump(mode="json") for f in draft.findings]}))
        self.emit(DraftEvent(type="finished", data={"title": draft.title, "text_hash": draft.manifest.text_hash}))
        return draft

    def _write_sections(self, finished: dict[str, SectionDraft]) -> dict[str, SectionDraft]:
        waiting = [spec for spec in self.job.sections if spec.key not in finished and spec.writer == "model"]
        with ThreadPoolExecutor(self.settings.parallel_sections, thread_name_prefix="section") as pool:
            futures = {pool.submit(self._write_section, spec): spec.key for spec in waiting}
            for future in as_completed(futures):
                if future.exception() is not None:
                    pool.shutdown(cancel_futures=True)  # what runs may finish and be kept, nothing new begins
                    raise future.exception()  # type: ignore[misc]
                finished[futures[future]] = future.result()
        for spec in self.job.sections:
            if spec.key not in finished:
                finished[spec.key] = self._server_section(spec, finished)
        return finished

    def _write_section(self, spec: SectionSpec) -> SectionDraft:
        brief = self.job.request.brief
        self.emit(DraftEvent(type="section_started", section=spec.key))
        started = time.monotonic()
        written = self.writer.write(
            spec, self.job, lambda piece: self.emit(DraftEvent(type="delta", section=spec.key, data={"text": piece}))
        )
        slotted = "\n\n".join([written.slotted, *self._appended(spec)]).strip()
        section = SectionDraft(
            key=spec.key,
            heading=spec.heading_in(brief.language),
            writer="model",
            slotted=slotted,
            text=fill(slotted, evidence=self.job.evidence, brief=brief, language=brief.language).text,
            tokens=written.tokens,
            seconds=round(time.monotonic() - started, 2),
            attempts=written.attempts,
            removed=written.removed,
        )
        return self._finished(section)

    def _appended(self, spec: SectionSpec) -> list[str]:
        texts = [server_text(content, self.job.material) for content in spec.append]
        return [text for text in texts if text]

    def _finished(self, section: SectionDraft) -> SectionDraft:
        self.emit(DraftEvent(type="section_finished", section=section.key, data=section.model_dump(mode="json")))
        return section

    def _server_section(self, spec: SectionSpec, finished: Mapping[str, SectionDraft]) -> SectionDraft:
        brief = self.job.request.brief
        cited = set().union(*(used_ids(section.slotted) for section in finished.values()))
        material = Material(brief, self.job.evidence, self.job.template, cited)
        slotted = "\n\n".join(text for text in (server_text(c, material) for c in spec.contents()) if text)
        return self._finished(
            SectionDraft(
                key=spec.key,
                heading=spec.heading_in(brief.language),
                writer="server",
                slotted=slotted,
                text=fill(slotted, evidence=self.job.evidence, brief=brief, language=brief.language).text,
            )
        )

    def _finish(self, finished: Mapping[str, SectionDraft], model_name: str) -> Draft:
        job, brief = self.job, self.job.request.brief
        now = dt.datetime.now(dt.UTC)
        title = job.template.title(brief.title or brief.topic, on=now.date())
        pairs = [(spec, finished[spec.key]) for spec in job.sections]
        text = assemble(title, pairs)
        findings = run_checks(text, template=job.template, language=brief.language, evidence=job.evidence, brief=brief)
        return Draft(
            title=title,
            language=brief.language,
            brief=brief,
            evidence=tuple(job.evidence.values()),
            sections=tuple(section for _, section in pairs),
            text=text,
            claims=claims_of(text, findings=findings, evidence=job.evidence, brief=brief),
            findings=tuple(findings),
            manifest=self._manifest(text, model_name, now),
        )

    def _manifest(self, text: str, model_name: str, now: dt.datetime) -> DraftManifest:
        job = self.job
        return DraftManifest(
            created_at=now,
            software=f"dao-proposal-agent {importlib.metadata.version('dao-proposal-agent')}",
            model=model_name,
            model_hash=self.model.weights_hash if self.stages.model else NO_MODEL,
            adapter=self.settings.model_adapter,
            prompt_hash=prompt_hash(),
            template=job.template.name,
            template_version=job.template.version,
            template_hash=job.template.hash,
            rules_hash=rules_hash(),
            brief_hash=sha256_data(job.request.brief),
            evidence_hash=evidence_hash(job.evidence),
            text_hash=sha256_text(text),
            sampling=self.sampling,
        )
