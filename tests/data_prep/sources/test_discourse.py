"""Discourse forums: all posts with their Markdown, edits, and what moves or vanishes while the list is read."""

from __future__ import annotations

import tempfile
from pathlib import Path

import httpx2
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from data_prep.history import Dropped, PostRecord
from data_prep.sources import SOURCES, Bound
from proposal.errors import UpstreamError
from tests.data_prep.sources.worlds import NOW, FaultyLine, Forum, KilledError, fetched, read, table

FAULTS = ["ok", "lost", "late", "killed", "twice", "429", "503", "page", "cut", "torn"]


def bound(**changed: object) -> Bound:
    source = SOURCES["discourse"]
    spec = {"source": "discourse", "name": "forum", "dao": "Test", "licence": "unstated", "url": "https://forum.test"}
    return Bound(source, source.spec.model_validate(spec | changed))


def world() -> Forum:
    forum = Forum()
    for topic, posts in ((1, 1), (2, 45), (3, 3), (4, 20), (5, 21)):
        forum.add(topic, posts, f"2026-0{topic}-01T00:00:00.000Z")
    return forum


def posts(archive: Path) -> dict[str, PostRecord]:
    return {item.source_id: item for item in read(bound(), archive) if isinstance(item, PostRecord)}


def test_every_post_of_every_topic_is_read_with_its_markdown(tmp_path: Path) -> None:
    fetched(bound(), tmp_path, world())
    found = posts(tmp_path)
    assert len(found) == 90
    post = found["245"]
    assert (post.body, post.title, post.thread, post.number) == ("Post 45 of topic 2.", "Topic 2", "2", 45)
    assert post.url == "https://forum.test/t/topic-2/2/45"


def test_an_edit_a_new_post_and_a_topic_that_is_gone_are_noticed(tmp_path: Path) -> None:
    forum = world()
    fetched(bound(), tmp_path, forum)
    forum.topics[5][0] |= {"raw": "Edited.", "version": 2}
    forum.add(1, 2, "2026-05-02T00:00:00.000Z")
    forum.gone.add(4)
    line = FaultyLine(forum)
    notes = fetched(bound(reread_days=40), tmp_path, line, now=lambda: NOW.replace(day=2))
    assert posts(tmp_path)["501"].body == "Edited."
    assert "102" in posts(tmp_path)
    assert "401" in posts(tmp_path)
    assert "topic 4 is gone" in notes
    assert line.asked < 7
    assert [item.reason for item in read(bound(), tmp_path) if isinstance(item, Dropped)] == ["deleted"]


def test_hidden_empty_and_raw_less_posts_are_drops(tmp_path: Path) -> None:
    forum = Forum()
    forum.add(1, 5, "2026-05-01T00:00:00.000Z")
    for number, changed in enumerate(({"hidden": True}, {"raw": " "}, {"raw": None}, {"created_at": "2027-01-01"})):
        forum.topics[1][number] |= changed
    fetched(bound(), tmp_path, forum)
    assert list(posts(tmp_path)) == ["105"]
    drops = [item.reason for item in read(bound(), tmp_path) if isinstance(item, Dropped)]
    assert sorted(drops) == ["deleted", "future-date", "missing-field", "no-body"]


def test_a_site_that_is_no_forum_is_named(tmp_path: Path) -> None:
    with pytest.raises(UpstreamError, match="lists no topics"):
        fetched(bound(), tmp_path, lambda _: httpx2.Response(200, json={"hello": 1}))


@pytest.mark.slow
@settings(max_examples=40, deadline=None)
@given(faults=st.lists(st.sampled_from(FAULTS), max_size=40), moves=st.lists(st.integers(1, 5), max_size=3))
def test_faults_and_topics_that_move_meanwhile_give_the_same_posts(faults: list[str], moves: list[int]) -> None:
    forum = world()
    line = FaultyLine(forum, iter(faults))
    with tempfile.TemporaryDirectory() as folder:
        for day, topic in enumerate([*moves, 0]):
            while True:
                try:
                    fetched(bound(), Path(folder) / "worn", line)
                    break
                except (KilledError, UpstreamError):
                    continue
            if topic:
                forum.add(topic, len(forum.topics[topic]) + 1, f"2026-05-1{day}T00:00:00.000Z")
        fetched(bound(), Path(folder) / "calm", forum)
        worn, calm = posts(Path(folder) / "worn"), posts(Path(folder) / "calm")
        assert {key: post.body for key, post in worn.items()} == {key: post.body for key, post in calm.items()}
        if not moves:
            assert table(bound(), Path(folder) / "worn") == table(bound(), Path(folder) / "calm")
