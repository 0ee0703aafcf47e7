"""The bundle: what it holds, that equal content has equal bytes, and that reading one is safe."""

from __future__ import annotations

import hashlib
import io
import json
import os
import re
import zipfile
from pathlib import Path

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from proposal.errors import ConflictError, GateError, InputError
from proposal.exports import VenueOptions, load_venue_options, to_bundle, write_bundle, zip_bytes
from proposal.exports.bundle import gate_problems
from proposal.exports.container import (
    MAX_FILE_BYTES,
    MAX_FILES,
    ContainerError,
    read_bundle,
)
from proposal.findings import Finding
from proposal.template import ReviewProfile
from tests.proposal.builders import TEXT, a_brief, a_draft, a_review, a_template

VENUES = {
    "snapshot": {"space": "example.eth"},
    "governor": {"signal": True},
    "anticapture": {},
    "discourse": {"forum": "https://forum.example.org"},
    "daoip": {"dao_uri": "https://dao.example.org/dao.json"},
    "aragon": {},
    "cosmos": {},
    "github": {"repository": "example-dao/proposals", "path": "proposals/rebates.md"},
}
RECORDS = {
    "proposal.md", "draft.json", "review.json", "template.json", "findings.json", "evidence.jsonl",
    "manifest.json", "STATEMENT.txt",
}  # fmt: skip


def a_bundle(draft=None, review=None, options=None):
    template = a_template()
    draft = draft or a_draft()
    review = review or a_review(draft)
    return to_bundle(draft, review, template=template,
                     options=VenueOptions.model_validate(options or {}))  # fmt: skip


def test_a_bundle_without_venues_holds_the_records():
    assert set(a_bundle().files) == RECORDS


def test_every_venue_adds_its_files():
    names = set(a_bundle(options=VENUES).files) - RECORDS
    assert {name.split("/")[0] for name in names} == set(VENUES)


def test_the_manifest_has_the_hash_and_size_of_every_other_file():
    files = a_bundle(options=VENUES).files
    listed = json.loads(files["manifest.json"])["files"]
    assert set(listed) == set(files) - {"manifest.json"}
    for name, record in listed.items():
        assert record == {
            "sha256": hashlib.sha256(files[name]).hexdigest(),
            "bytes": len(files[name]),
        }


def test_the_manifest_says_what_the_draft_was_made_with():
    made = json.loads(a_bundle().files["manifest.json"])["made_with"]
    assert {"model", "model_hash", "adapter", "prompt_hash", "template_hash", "rules_hash",
            "evidence_hash", "text_hash", "brief_hash", "sampling"} <= set(made)  # fmt: skip


def test_the_statement_is_plain_about_ai_approval_and_the_chain():
    text = a_bundle().files["STATEMENT.txt"].decode()
    assert "Drafted with AI: base" in text
    assert "Reviewed and approved by 2 people: Grace, Ken. Needed: 2/3." in text
    assert "Not submitted on-chain." in text


def test_the_statement_tells_who_asked_for_changes_and_why():
    draft = a_draft()
    verdicts = (("Grace", "approve"), ("Ken", "approve"), ("Mary", "request_changes"))
    files = a_bundle(draft, a_review(draft, *verdicts)).files
    assert "Mary decided 'request_changes': The budget has no milestone." in (files["STATEMENT.txt"].decode())


def test_a_chinese_draft_has_a_chinese_statement():
    brief = a_brief(language="zh", topic="创作者返利")
    draft = a_draft("# 返利\n\n## 声明\n\n本文由语言模型协助起草。\n", brief=brief)
    text = a_bundle(draft, a_review(draft)).files["STATEMENT.txt"]
    assert "未提交上链" in text.decode()


# --- the gate -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "verdicts",
    [
        (("Grace", "approve"),),
        (("Grace", "approve"), ("Ada", "approve")),
        (("Grace", "approve"), ("Ken", "approve"), ("Mary", "reject")),
        (("Grace", "request_changes"), ("Ken", "request_changes")),
    ],
)
def test_without_a_quorum_there_is_no_bundle(verdicts):
    draft = a_draft()
    review = a_review(draft, *verdicts)
    with pytest.raises(GateError, match="GATE-quorum") as caught:
        a_bundle(draft, review)
    assert caught.value.exit_code == 3


def test_a_blocking_finding_keeps_the_bundle_closed_and_a_warning_does_not():
    for severity, blocked in (("error", True), ("warning", False)):
        finding = Finding(rule="ST-placeholder", severity=severity, message="a gap is open",
                          start=0, end=1, line=3, column=1)  # fmt: skip
        draft = a_draft(findings=[finding])
        review = a_review(draft)
        assert ("ST-placeholder" in {one.rule for one in gate_problems(draft, review)}) is blocked


def test_a_figure_without_support_keeps_the_bundle_closed():
    draft = a_draft(TEXT.replace("37.5%", "38.5%"))
    with pytest.raises(GateError, match=r"EV-number: “38\.5%” is not stated by E2"):
        a_bundle(draft, a_review(draft))


def test_actions_come_from_the_brief_and_no_venue_brings_its_own():
    action = {"type": "eth-transfer", "recipient": "0x" + "22" * 20, "amount": "1"}
    with pytest.raises(ValidationError, match="Extra inputs"):
        VenueOptions.model_validate({"governor": {"actions": [action]}})


def test_a_venue_over_its_limit_is_left_out_whole_and_named():
    draft = a_draft(TEXT + "\nLong. " * 2_000)
    review = a_review(draft)
    export = a_bundle(draft, review, VENUES)
    manifest = json.loads(export.files["manifest.json"])
    assert not any(name.startswith("snapshot/") for name in export.files)
    assert list(manifest["left_out"]) == ["snapshot"]
    assert "the limit is 10,000" in manifest["left_out"]["snapshot"][0]
    assert "Left out because a limit was not met: snapshot" in export.files["STATEMENT.txt"].decode()
    assert export.blocked


def test_venue_options_are_read_from_a_file_with_the_nearest_key(tmp_path):
    file = tmp_path / "venues.yaml"
    file.write_text("snapshot: {space: aave.eth, type: basic}\n")
    assert load_venue_options(file).snapshot.space == "aave.eth"
    file.write_text("snapshott: {space: aave.eth}\n")
    with pytest.raises(InputError, match="did you mean 'snapshot'"):
        load_venue_options(file)


# --- bytes --------------------------------------------------------------------------------------


def test_equal_content_gives_equal_bytes():
    assert zip_bytes(a_bundle(options=VENUES).files) == zip_bytes(a_bundle(options=VENUES).files)


def test_the_order_in_which_files_are_given_does_not_matter():
    files = a_bundle(options=VENUES).files
    assert zip_bytes(dict(reversed(files.items()))) == zip_bytes(files)


@pytest.mark.parametrize("name", ["bundle", "bundle.zip"])
def test_what_is_written_is_read_back(tmp_path, name):
    files = a_bundle(options=VENUES).files
    assert read_bundle(write_bundle(files, tmp_path / "new" / name)) == files
    assert [path.name for path in (tmp_path / "new").iterdir()] == [name]


@pytest.mark.parametrize("name", ["bundle", "bundle.zip"])
def test_nothing_is_overwritten(tmp_path, name):
    files = a_bundle().files
    write_bundle(files, tmp_path / name)
    with pytest.raises(ConflictError, match="exists already"):
        write_bundle(files, tmp_path / name)


def test_a_name_that_leaves_the_folder_is_never_written(tmp_path):
    with pytest.raises(InputError, match="cannot be the name"):
        write_bundle({"../evil.md": b""}, tmp_path / "bundle")
    assert list(tmp_path.iterdir()) == []


def test_a_place_that_cannot_be_written_is_a_clear_error(tmp_path):
    (tmp_path / "file").write_text("x")
    with pytest.raises(InputError, match="cannot be written"):
        write_bundle(a_bundle().files, tmp_path / "file" / "bundle")


# --- hostile containers -------------------------------------------------------------------------


def a_zip(*entries, compression=zipfile.ZIP_STORED):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", compression) as archive:
        for name, data in entries:
            archive.writestr(name, data)
    return buffer.getvalue()


@pytest.mark.parametrize(
    "name",
    [
        "../evil.md", "/etc/evil.md", "a/../../evil.md", "a\\..\\evil.md", "C:\\evil.md", "evil.sh",
        "a/b/c.md", ".hidden.md", "a/", "evil.md\n.txt", "ｅvil.md", "x" * 300 + ".md",
    ],
)  # fmt: skip
def test_an_archive_with_a_dangerous_name_is_refused(tmp_path, name):
    file = tmp_path / "b.zip"
    file.write_bytes(a_zip((name, b"x")))
    with pytest.raises(ContainerError) as caught:
        read_bundle(file)
    assert "\n" not in caught.value.file


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_a_name_that_stands_twice_is_refused(tmp_path):
    file = tmp_path / "b.zip"
    for names in (("a.md", "a.md"), ("a.md", "A.md")):
        file.write_bytes(a_zip(*((name, b"x") for name in names)))
        with pytest.raises(ContainerError, match="stands twice"):
            read_bundle(file)


def test_a_compression_bomb_is_refused_before_it_is_unpacked(tmp_path):
    file = tmp_path / "b.zip"
    file.write_bytes(a_zip(("a.md", b"0" * 50_000_000), compression=zipfile.ZIP_DEFLATED))
    assert file.stat().st_size < 100_000
    with pytest.raises(ContainerError, match="not a plain stored file"):
        read_bundle(file)


def test_giant_files_and_too_many_files_are_refused(tmp_path):
    file = tmp_path / "b.zip"
    file.write_bytes(a_zip(("a.md", b"0" * (MAX_FILE_BYTES + 1))))
    with pytest.raises(ContainerError, match="too large"):
        read_bundle(file)
    file.write_bytes(a_zip(*((f"f{number}.md", b"") for number in range(MAX_FILES + 1))))
    with pytest.raises(ContainerError, match="more than 100 files"):
        read_bundle(file)
    giant = tmp_path / "giant"
    giant.mkdir()
    with (giant / "a.md").open("wb") as handle:
        handle.truncate(MAX_FILE_BYTES + 1)
    with pytest.raises(ContainerError, match="too large"):
        read_bundle(giant)


def test_links_pipes_and_missing_places_are_refused(tmp_path):
    folder = tmp_path / "b"
    folder.mkdir()
    (folder / "a.md").symlink_to("/etc/hostname")
    with pytest.raises(ContainerError, match="not a plain file"):
        read_bundle(folder)
    (folder / "a.md").unlink()
    os.mkfifo(folder / "a.md")
    with pytest.raises(ContainerError, match="not a plain file"):
        read_bundle(folder)
    (folder / "a.md").unlink()
    (folder / "sub").symlink_to("/etc", target_is_directory=True)
    with pytest.raises(ContainerError, match="a link to another place"):
        read_bundle(folder)
    with pytest.raises(ContainerError, match="no such folder"):
        read_bundle(tmp_path / "nothing")


def test_a_link_inside_an_archive_is_refused(tmp_path):
    entry = zipfile.ZipInfo("a.md")
    entry.external_attr = 0o120777 << 16
    file = tmp_path / "b.zip"
    file.write_bytes(a_zip((entry, b"/etc/passwd")))
    with pytest.raises(ContainerError, match="not a plain stored file"):
        read_bundle(file)


def test_a_repacked_archive_is_told_to_be_unpacked(tmp_path):
    file = tmp_path / "b.zip"
    file.write_bytes(a_zip(*a_bundle().files.items()))
    with pytest.raises(ContainerError, match="unpack it and verify the folder"):
        read_bundle(file)


@pytest.mark.slow
@settings(max_examples=300, deadline=None)
@given(st.data())
def test_a_damaged_archive_is_an_error_in_words(tmp_path_factory, data):
    whole = WHOLE_ZIP
    kind = data.draw(st.sampled_from(["flip", "cut", "insert", "noise"]))
    at = data.draw(st.integers(0, len(whole) - 1))
    byte = data.draw(st.integers(0, 255))
    damaged = {
        "flip": whole[:at] + bytes([whole[at] ^ (byte or 1)]) + whole[at + 1 :],
        "cut": whole[:at],
        "insert": whole[:at] + bytes([byte]) + whole[at:],
        "noise": data.draw(st.binary(max_size=200)),
    }[kind]
    file = tmp_path_factory.getbasetemp() / "damaged.zip"
    file.write_bytes(damaged)
    with pytest.raises(ContainerError) as caught:
        read_bundle(file)
    assert caught.value.message


WHOLE_ZIP = zip_bytes(a_bundle().files)


def test_a_profile_can_ask_for_more_reviewers():
    profile = ReviewProfile(approvals=3, seats=5)
    draft = a_draft()
    review = a_review(draft, profile=profile)
    with pytest.raises(GateError, match=r"1 more approval needed \(2 of 3\)"):
        a_bundle(draft, review)


# --- the documentation --------------------------------------------------------------------------

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "exports.md").read_text(encoding="utf-8")


def test_the_options_shown_in_the_documentation_are_all_of_them_and_work():
    shown = yaml.safe_load(PAGE.split("```yaml\n")[1].split("```")[0])
    options = VenueOptions.model_validate(shown)
    assert set(shown) == set(VenueOptions.model_fields)
    for venue, fields in shown.items():
        model = type(getattr(options, venue))
        assert set(fields) == set(model.model_fields), venue


def test_the_actions_shown_in_the_documentation_work():
    shown = yaml.safe_load(PAGE.split("```yaml\n")[2].split("```")[0])
    assert len(a_brief(**shown).actions) == 4


def test_every_code_of_the_verifier_is_documented():
    root = Path(__file__).resolve().parents[2] / "proposal"
    source = (root / "verify.py").read_text() + (root / "decisions.py").read_text()
    codes = set(re.findall(r'(?:found\.say\(|ChainProblem\(\s*row,)\s*"([a-z0-9-]+)"', source))
    codes |= set(re.findall(r'": "(figure|citation|quotation)"', source)) | {"finding"}
    assert len(codes) > 20
    assert {code for code in codes if f"`{code}`" not in PAGE} == set()
