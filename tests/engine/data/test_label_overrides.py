"""Tests of the label log."""

from pathlib import Path

import pytest

from engine.core.errors import EngineError
from engine.data.dataset import scan
from engine.data.label_log import label_log_path
from engine.data.label_overrides import append_decision, read_decisions, undo_last_decision
from tests.images import write_classes


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return write_classes(tmp_path / "data", {"red": 4, "blue": 4})


def _classes(root: Path) -> dict[str, str]:
    dataset = scan(root)
    return {sample.path: dataset.classes[sample.label] for sample in dataset.samples}


def test_a_scan_applies_the_decisions_with_a_note(root: Path) -> None:
    append_decision(root, "red/000.png", "relabel", "blue")
    append_decision(root, "red/001.png", "exclude")
    append_decision(root, "red/002.png", "keep")
    classes = _classes(root)
    assert classes["red/000.png"] == "blue"
    assert "red/001.png" not in classes
    assert classes["red/002.png"] == "red"
    assert scan(root).notes == (
        "1\N{NO-BREAK SPACE}image excluded and 1\N{NO-BREAK SPACE}image relabelled by classifold-labels.jsonl.",
    )
    assert len(scan(root, is_corrected=False).samples) == 8


def test_images_in_split_folders_are_relabelled_too(tmp_path: Path) -> None:
    for name in ("train", "val"):
        write_classes(tmp_path / name, {"red": 3, "blue": 3})
    append_decision(tmp_path, "val/red/000.png", "relabel", "blue")
    assert scan(tmp_path).counts("val") == [4, 2]


def test_image_files_are_never_changed(root: Path) -> None:
    before = {path: path.read_bytes() for path in root.rglob("*.png")}
    append_decision(root, "red/000.png", "relabel", "blue")
    append_decision(root, "red/001.png", "exclude")
    assert {path: path.read_bytes() for path in root.rglob("*.png")} == before


def test_undo_restores_the_previous_decision(root: Path) -> None:
    append_decision(root, "red/000.png", "exclude")
    append_decision(root, "red/000.png", "relabel", "blue")
    undone = undo_last_decision(root)
    assert undone is not None
    assert undone.action == "relabel"
    assert read_decisions(root)["red/000.png"].action == "exclude"
    undo_last_decision(root)
    assert undo_last_decision(root) is None
    assert read_decisions(root) == {}
    assert scan(root).notes == ()


def test_an_incomplete_last_line_is_skipped_and_not_joined_to_the_next(root: Path) -> None:
    append_decision(root, "red/000.png", "exclude")
    with open(label_log_path(root), "a", encoding="utf-8") as log:
        log.write('{"path": "red/001.png", "acti')
    append_decision(root, "red/002.png", "exclude")
    assert list(read_decisions(root)) == ["red/000.png", "red/002.png"]


@pytest.mark.parametrize(
    "path", ["../x.png", "/etc/x.png", "red/../../x.png", "C:\\x.png", "C:x.png", "red\\..\\x", ""]
)
def test_paths_outside_the_folder_are_ignored(root: Path, path: str) -> None:
    line = f'{{"path": "{path}", "action": "exclude"}}\n'.replace("\\", "\\\\")
    label_log_path(root).write_text(line, encoding="utf-8")
    assert read_decisions(root) == {}
    with pytest.raises(EngineError, match="not in the folder"):
        append_decision(root, path, "exclude")


def test_a_relabelling_to_a_missing_class_is_ignored_with_a_note(root: Path) -> None:
    append_decision(root, "red/000.png", "relabel", "green")
    assert _classes(root)["red/000.png"] == "red"
    assert "the class 'green', which does not exist" in scan(root).notes[0]


def test_a_class_without_remaining_images_is_noted(root: Path) -> None:
    for number in range(4):
        append_decision(root, f"red/00{number}.png", "relabel", "blue")
    dataset = scan(root)
    assert dataset.classes == ("blue",)
    assert "Class 'red' has no training images left." in dataset.notes


def test_a_label_log_that_cannot_be_written_raises_an_error(root: Path) -> None:
    label_log_path(root).mkdir()
    with pytest.raises(EngineError, match="cannot be written"):
        append_decision(root, "red/000.png", "exclude")
