"""Rows: what is wrong with our data is said with row and column; a good row is read once."""

from __future__ import annotations

import json

import pytest

from proposal.errors import AgentError
from rewards import COLUMNS, read_task
from rewards.rows import RESERVED
from tests.rewards.drafts import row

BAD_CELLS = [
    ("dao_evidence_json", None, "the column 'dao_evidence_json' is missing"),
    ("dao_evidence_json", [], "the column 'dao_evidence_json' is list, not text"),
    ("dao_evidence_json", "", "the column 'dao_evidence_json' is malformed"),
    ("dao_evidence_json", "{not json", "the column 'dao_evidence_json' is malformed"),
    ("dao_evidence_json", "[" * 100_000, "the column 'dao_evidence_json' is malformed"),
    ("dao_evidence_json", json.dumps([{"id": "X1"}]), "is not an evidence id"),
    ("dao_brief_json", json.dumps({"topci": "x"}), "did you mean 'topic'"),
    ("dao_brief_json", "[]", "the column 'dao_brief_json' is malformed"),
    ("dao_template", "genric", "the column 'dao_template' is malformed: there is no template 'genric'"),
    ("dao_section", "motivaton", "has no section 'motivaton'"),
    ("dao_required", '"E1"', "not a JSON list of evidence ids"),
    ("dao_required", '["E1", 2]', "not a JSON list of evidence ids"),
    ("dao_required", '["E77"]', "'E77' is not in the evidence"),
]


@pytest.mark.parametrize(("column", "cell", "message"), BAD_CELLS)
def test_a_bad_cell_is_refused_with_its_row_and_column(column: str, cell: object, message: str) -> None:
    with pytest.raises(ValueError, match="row 7") as caught:
        read_task({**row(), column: cell}, where="row 7")
    assert message in str(caught.value)
    assert column in str(caught.value)
    assert isinstance(caught.value, AgentError)


def test_equal_rows_are_read_once() -> None:
    assert read_task(row(), where="row 0") is read_task(dict(row()), where="row 1")


def test_a_brief_in_a_language_that_the_template_lacks_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    from rewards import rows

    def only_english(name: str) -> object:
        from proposal.template import load_template

        return load_template(name).model_copy(update={"languages": ("en",)})

    monkeypatch.setattr(rows, "load_template", only_english)
    rows._read.cache_clear()
    try:
        with pytest.raises(ValueError, match="dao_template"):
            read_task(row(language="zh"), where="row 0")
    finally:
        rows._read.cache_clear()


def test_our_column_names_are_not_reserved_by_the_trainer() -> None:
    assert not RESERVED & set(COLUMNS)
