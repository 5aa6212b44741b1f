"""Tests of the sentences of a scan for very many classes and folders."""

from pathlib import Path

import pytest

from engine.data.dataset import scan
from engine.data.label_overrides import append_decision
from tests.engine.data.folders.test_layouts import write_files

NUM_CLASSES = 40


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        (
            [*(f"train/{number}/2" for number in range(NUM_CLASSES)), "val/0/1"],
            "Classes '1', '2', '3', '4', '5' and 34 more have no images in val.",
        ),
        (
            [*(f"val/{number}/2" for number in range(NUM_CLASSES)), "train/0/2", "train/1/2"],
            "Classes '2', '3', '4', '5', '6' and 33 more of val skipped: they have no training images.",
        ),
        (
            [f"{number}/1" for number in range(NUM_CLASSES)],
            "Classes '0', '1', '2', '3', '4' and 35 more have only one training image each.",
        ),
        (
            [f"{split}/{name}{n:02}/2" for n in range(NUM_CLASSES) for split, name in (("train", "a"), ("val", "A"))],
            "Folders of val are matched without regard to letter case: 'A00' as 'a00', 'A01' as 'a01', 'A02' as 'a02', "
            "'A03' as 'a03', 'A04' as 'a04' and 35 more.",
        ),
        (
            ["train/ant/2", "train/bee/2", "val/ant/1", "val/bee/1", *(f"x{n:02}/1" for n in range(NUM_CLASSES))],
            "The folders 'x00', 'x01', 'x02', 'x03', 'x04' and 35 more are not splits and are left out "
            "(40\N{NO-BREAK SPACE}images).",
        ),
    ],
)
def test_there_is_one_sentence_for_many_classes(tmp_path: Path, files: list[str], expected: str) -> None:
    notes = scan(write_files(tmp_path, files)).notes
    assert expected in notes
    assert len(notes) <= 2


def test_one_sentence_names_the_missing_classes_of_many_corrections(tmp_path: Path) -> None:
    root = write_files(tmp_path, ["ant/20", "bee/2"])
    for number in range(20):
        append_decision(root, f"ant/{number}.jpg", "relabel", f"wasp {number}")
    assert scan(root).notes == (
        "20\N{NO-BREAK SPACE}images keep their classes: classifold-labels.jsonl moves them to the classes 'wasp 0', "
        "'wasp 1', 'wasp 2', 'wasp 3', 'wasp 4' and 15 more, which do not exist.",
    )


def test_one_sentence_names_the_classes_that_corrections_left_empty(tmp_path: Path) -> None:
    root = write_files(tmp_path, [*(f"{number}/1" for number in range(20)), "rest/2"])
    for number in range(20):
        append_decision(root, f"{number}/0.jpg", "exclude")
    assert "Classes '0', '1', '2', '3', '4' and 15 more have no training images left." in scan(root).notes
