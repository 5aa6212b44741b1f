"""Tests of the journal of corrected labels."""

import os
from pathlib import Path

import pytest

from engine.core.errors import EngineError
from engine.data.dataset import scan
from engine.data.label_overrides import append_decision, label_log_path, read_decisions, undo_last_decision
from tests.pictures import write_classes


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return write_classes(tmp_path / "data", {"red": 4, "blue": 4})


def _classes(root: Path) -> dict[str, str]:
    dataset = scan(root)
    return {sample.path: dataset.classes[sample.label] for sample in dataset.samples}


def test_a_scan_follows_the_decisions_and_says_so(root: Path) -> None:
    append_decision(root, "red/000.png", "relabel", "blue")
    append_decision(root, "red/001.png", "exclude")
    append_decision(root, "red/002.png", "keep")
    classes = _classes(root)
    assert classes["red/000.png"] == "blue"
    assert "red/001.png" not in classes
    assert classes["red/002.png"] == "red"
    assert scan(root).notes == ("1 image is excluded and 1 relabelled by classifold-labels.jsonl.",)
    assert len(scan(root, is_corrected=False).samples) == 8


def test_images_inside_split_folders_are_relabelled_too(tmp_path: Path) -> None:
    for name in ("train", "val"):
        write_classes(tmp_path / name, {"red": 3, "blue": 3})
    append_decision(tmp_path, "val/red/000.png", "relabel", "blue")
    assert scan(tmp_path).counts("val") == [4, 2]


def test_originals_are_never_touched(root: Path) -> None:
    before = {path: path.read_bytes() for path in root.rglob("*.png")}
    append_decision(root, "red/000.png", "relabel", "blue")
    append_decision(root, "red/001.png", "exclude")
    assert {path: path.read_bytes() for path in root.rglob("*.png")} == before


def test_undo_brings_back_what_held_before(root: Path) -> None:
    append_decision(root, "red/000.png", "exclude")
    append_decision(root, "red/000.png", "relabel", "blue")
    taken_back = undo_last_decision(root)
    assert taken_back is not None
    assert taken_back.action == "relabel"
    assert read_decisions(root)["red/000.png"].action == "exclude"
    undo_last_decision(root)
    assert undo_last_decision(root) is None
    assert read_decisions(root) == {}
    assert scan(root).notes == ()


def test_a_torn_last_line_is_survived_and_not_glued_to_the_next(root: Path) -> None:
    append_decision(root, "red/000.png", "exclude")
    with open(label_log_path(root), "a", encoding="utf-8") as journal:
        journal.write('{"path": "red/001.png", "acti')
    append_decision(root, "red/002.png", "exclude")
    assert list(read_decisions(root)) == ["red/000.png", "red/002.png"]


@pytest.mark.parametrize(
    "path", ["../x.png", "/etc/x.png", "red/../../x.png", "C:\\x.png", "C:x.png", "red\\..\\x", ""]
)
def test_paths_that_lead_out_of_the_folder_are_ignored(root: Path, path: str) -> None:
    line = f'{{"path": "{path}", "action": "exclude"}}\n'.replace("\\", "\\\\")
    label_log_path(root).write_text(line, encoding="utf-8")
    assert read_decisions(root) == {}
    with pytest.raises(EngineError, match="not in the folder"):
        append_decision(root, path, "exclude")


def test_a_relabelling_to_a_class_that_is_gone_is_ignored_and_noted(root: Path) -> None:
    append_decision(root, "red/000.png", "relabel", "green")
    assert _classes(root)["red/000.png"] == "red"
    assert "there is no class 'green'" in scan(root).notes[0]


def test_a_class_that_lost_its_last_image_is_named(root: Path) -> None:
    for number in range(4):
        append_decision(root, f"red/00{number}.png", "relabel", "blue")
    dataset = scan(root)
    assert dataset.classes == ("blue",)
    assert "Class 'red' has no training images left." in dataset.notes


@pytest.mark.skipif(os.name == "nt" or os.geteuid() == 0, reason="the superuser may write everywhere")
def test_a_folder_that_cannot_be_written_to_is_a_sentence(root: Path) -> None:
    root.chmod(0o555)
    try:
        with pytest.raises(EngineError, match="cannot be written"):
            append_decision(root, "red/000.png", "exclude")
    finally:
        root.chmod(0o755)


def test_a_journal_that_cannot_be_written_is_a_sentence(root: Path) -> None:
    label_log_path(root).mkdir()
    with pytest.raises(EngineError, match="cannot be written"):
        append_decision(root, "red/000.png", "exclude")
