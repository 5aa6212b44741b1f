"""Tests of the files of the label log: in the dataset folder, or in the home folder if that cannot be written to."""

import errno
import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from engine.cli.main import main
from engine.core.errors import EngineError
from engine.data import label_log
from engine.data.dataset import scan
from engine.data.label_log import append_entry, home_log_path, label_log_path, read_label_log
from engine.data.label_overrides import append_decision, read_decisions, undo_last_decision
from tests.images import write_classes


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return write_classes(tmp_path / "data", {"red": 4, "blue": 4})


@pytest.fixture
def make_read_only(root: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[int], None]:
    """Return a function after which writing to the dataset folder fails with an error code; 0 makes it writable."""
    code = 0
    real = label_log.append_line

    def append(path: Path, line: str) -> None:
        if code and path.parent == root:
            raise OSError(code, os.strerror(code), str(path))
        real(path, line)

    def set_code(number: int) -> None:
        nonlocal code
        code = number

    monkeypatch.setattr(label_log, "append_line", append)
    return set_code


@pytest.mark.parametrize("code", [errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOSPC])
def test_corrections_of_a_folder_that_cannot_be_written_to_are_kept_in_the_home_folder_with_a_message(
    root: Path, home: Path, make_read_only: Callable[[int], None], capsys: pytest.CaptureFixture[str], code: int
) -> None:
    make_read_only(code)
    assert main(["relabel", str(root), "red/000.png", "--to", "blue"]) == 0
    assert f"the correction is kept in {home / 'labels'}" in capsys.readouterr().err
    assert not label_log_path(root).exists()
    dataset = scan(root)
    assert dataset.counts() == [5, 3]
    assert f"Corrections are kept in {home_log_path(root)}" in dataset.notes[0]
    assert main(["relabel", str(root), "--undo"]) == 0
    assert scan(root).counts() == [4, 4]
    assert main(["relabel", str(root), "--undo"]) == 1


@pytest.mark.skipif(os.name == "nt" or os.geteuid() == 0, reason="root may write everywhere")
def test_the_mode_of_a_read_only_folder_is_noticed(root: Path) -> None:
    root.chmod(0o555)
    try:
        assert append_decision(root, "red/000.png", "exclude") == home_log_path(root)
    finally:
        root.chmod(0o755)
    assert scan(root).counts() == [4, 3]


def test_the_logs_in_both_places_are_merged_by_time(
    root: Path, make_read_only: Callable[[int], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    times = iter(f"2026-11-27T0{number}:00:00+00:00" for number in range(9))
    monkeypatch.setattr("engine.data.label_overrides.now", lambda: next(times))
    append_decision(root, "red/000.png", "exclude")
    make_read_only(errno.EROFS)
    append_decision(root, "red/001.png", "exclude")
    append_decision(root, "red/000.png", "keep")
    make_read_only(0)
    append_decision(root, "red/001.png", "relabel", "blue")
    decisions = read_decisions(root)
    assert list(decisions) == ["red/000.png", "red/001.png"]
    assert [each.action for each in decisions.values()] == ["keep", "relabel"]
    make_read_only(errno.EROFS)
    undone = undo_last_decision(root)
    assert undone is not None
    assert undone.class_name == "blue"
    assert read_decisions(root)["red/001.png"].action == "exclude"


def test_another_path_of_the_same_folder_has_the_same_log(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(root.parent)
    assert home_log_path(Path("data")) == home_log_path(root) == home_log_path(root / "red" / "..")
    assert home_log_path(root / "red") != home_log_path(root)


def test_the_log_of_a_folder_is_found_where_letter_case_does_not_matter(
    root: Path, make_read_only: Callable[[int], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    make_read_only(errno.EROFS)
    log = append_decision(root, "red/000.png", "exclude")
    monkeypatch.setattr(os.path, "samefile", lambda one, other: str(one).casefold() == str(other).casefold())
    assert home_log_path(root.with_name("DATA")) == log
    assert home_log_path(root.with_name("other")) != log


def test_corrections_of_a_moved_folder_are_named_and_can_be_taken_along(
    root: Path, tmp_path: Path, make_read_only: Callable[[int], None]
) -> None:
    make_read_only(errno.EROFS)
    log = append_decision(root, "red/000.png", "exclude")
    (tmp_path / "new").mkdir()
    moved = root.rename(tmp_path / "new" / "data")
    dataset = scan(moved)
    assert dataset.counts() == [4, 4]
    (note,) = dataset.notes
    assert f"Corrections of '{root}'" in note
    assert str(log) in note
    assert home_log_path(moved).name in note
    log.rename(home_log_path(moved))
    assert scan(moved).counts() == [4, 3]
    home_log_path(moved).rename(label_log_path(moved))
    assert scan(moved).counts() == [4, 3]


def test_corrections_of_many_moved_folders_of_one_name_are_one_note(root: Path, tmp_path: Path) -> None:
    logs = home_log_path(root).parent
    logs.mkdir(parents=True)
    for number in range(5):
        former = str(tmp_path / f"gone {number}" / "data")
        (logs / f"{number}.jsonl").write_text(json.dumps({"root": former}), encoding="utf-8")
    (note,) = scan(root).notes
    assert f"2.jsonl (of '{tmp_path / 'gone 2' / 'data'}') and 2 more. If one was this folder, copy the file" in note


def test_a_folder_of_the_same_name_that_still_exists_is_not_named(
    root: Path, tmp_path: Path, make_read_only: Callable[[int], None]
) -> None:
    make_read_only(errno.EROFS)
    append_decision(root, "red/000.png", "exclude")
    assert scan(write_classes(tmp_path / "other" / "data", {"red": 2, "blue": 2})).notes == ()


def test_if_the_home_folder_cannot_be_written_to_either_both_are_named(
    root: Path, home: Path, make_read_only: Callable[[int], None]
) -> None:
    make_read_only(errno.EROFS)
    home.write_text("a file in the place of the folder")
    with pytest.raises(EngineError, match="neither in the dataset folder nor in"):
        append_decision(root, "red/000.png", "exclude")


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-8"])
def test_a_log_that_an_editor_saved_with_other_line_ends_and_a_byte_order_mark_is_read(
    root: Path, encoding: str
) -> None:
    append_decision(root, "red/000.png", "exclude")
    append_decision(root, "red/001.png", "exclude")
    text = label_log_path(root).read_text("utf-8").replace("\n", "\r\n")
    label_log_path(root).write_text(text + "\r\n", encoding, newline="")
    append_decision(root, "red/002.png", "exclude")
    dataset = scan(root)
    assert dataset.counts() == [4, 1]
    assert dataset.notes[0] == "3\N{NO-BREAK SPACE}images excluded by classifold-labels.jsonl."


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be", "utf-32"])
def test_a_log_in_utf16_is_named_and_nothing_is_appended_to_it(root: Path, encoding: str) -> None:
    line = json.dumps({"path": "red/000.png", "action": "exclude"})
    label_log_path(root).write_text(line, encoding)
    content = label_log_path(root).read_bytes()
    for use in (lambda: scan(root), lambda: append_decision(root, "red/001.png", "exclude")):
        with pytest.raises(EngineError, match="Save it as UTF-8"):
            use()
    assert label_log_path(root).read_bytes() == content


def test_an_invalid_line_is_noted_unless_it_is_the_last_one_after_a_crash(root: Path) -> None:
    append_decision(root, "red/000.png", "exclude")
    with open(label_log_path(root), "a", encoding="utf-8") as file:
        file.write('{"path": "red/001.png", "act')
    assert read_label_log(root).notes == ()
    append_decision(root, "red/002.png", "exclude")
    assert read_label_log(root).notes == (
        "1\N{NO-BREAK SPACE}line is not valid and ignored in classifold-labels.jsonl.",
    )
    assert scan(root).counts() == [4, 2]


def test_an_entry_without_a_time_keeps_its_place(root: Path) -> None:
    append_entry(root, {"path": "red/000.png", "action": "exclude", "time": "2026-11-27T08:00:00+00:00"})
    append_entry(root, {"path": "red/000.png", "action": "keep"})
    assert read_decisions(root)["red/000.png"].action == "keep"


def test_an_image_is_found_by_its_path_where_letter_case_does_not_matter(
    root: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(os.path, "samefile", lambda one, other: str(one).casefold() == str(other).casefold())
    for number, path in enumerate(
        ("RED/000.png", str(root / "Red" / "001.PNG"), str(root.parent / "DATA/red/002.png"))
    ):
        assert main(["relabel", str(root), path, "--exclude"]) == 0
        assert capsys.readouterr().out == f"red/00{number}.png: excluded\n"
    assert main(["relabel", str(root), "RED/missing.png", "--exclude"]) == 1
