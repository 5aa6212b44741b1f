"""Tests of class names: spelling in different splits and folders, and their order."""

import os
import unicodedata
from pathlib import Path

import pytest

from engine.data.dataset import scan
from engine.data.splits import read_split, split, write_split
from tests.engine.data.folders.test_layouts import numbers, write_files

NFC = unicodedata.normalize("NFC", "Käfer")
NFD = unicodedata.normalize("NFD", "Käfer")
SPELLINGS = (
    *(("Ant", "ant", "Ant"), ("ant", "ANT", "ant")),
    *((NFC, NFD, NFC), (NFD, NFC, NFC), (NFD, NFC.upper(), NFC)),
    *(("ant ", "ant", "ant"), (" ant", "ant", "ant"), ("sp.", "sp", "sp."), ("red rose", "red  rose", "red rose")),
)
"""Names of one class in train/ and val/, and its name in the dataset."""


def require_names(root: Path, *names: str) -> None:
    """Skip the test if the file system cannot hold these names beside each other."""
    if not set(names) <= set(os.listdir(root)):
        pytest.skip("this file system does not keep these names apart")


@pytest.mark.parametrize(("train", "val", "name"), SPELLINGS)
def test_one_class_may_be_spelled_differently_in_two_splits(tmp_path: Path, train: str, val: str, name: str) -> None:
    if os.name == "nt" and train != train.strip():
        pytest.skip("Windows drops blanks at the end")
    dataset = scan(write_files(tmp_path, [f"train/{train}/3", "train/bee/3", f"val/{val}/2", "val/bee/2"]))
    assert set(dataset.classes) == {name, "bee"}
    assert numbers(dataset) == (6, 4, 0)
    assert all((tmp_path / sample.path).exists() for sample in dataset.samples)


def test_both_unicode_forms_of_a_name_in_one_folder_are_one_class(tmp_path: Path) -> None:
    write_files(tmp_path, [f"{NFC}/2", f"{NFD}/3", "bee/1"])
    require_names(tmp_path, NFC, NFD)
    dataset = scan(tmp_path)
    assert dict(zip(dataset.classes, dataset.counts())) == {NFC: 5, "bee": 1}
    assert any(note.startswith("Folders whose names look the same are one class: ") for note in dataset.notes)


def test_names_that_differ_in_letter_case_in_one_folder_stay_apart_with_a_note(tmp_path: Path) -> None:
    write_files(tmp_path, ["train/A/2", "train/a/3", "val/A/1", "val/a/1"])
    require_names(tmp_path / "train", "A", "a")
    dataset = scan(tmp_path)
    assert dict(zip(dataset.classes, dataset.counts("train"))) == {"A": 2, "a": 3}
    assert dataset.counts("val") == [1, 1]
    assert any("differ only in letter case are classes of their own: 'A' and 'a'. If" in note for note in dataset.notes)


def test_a_validation_class_in_two_letter_cases_is_not_guessed(tmp_path: Path) -> None:
    write_files(tmp_path, ["train/ant/2", "train/bee/2", "val/Ant/1", "val/ANT/1", "val/bee/1"])
    require_names(tmp_path / "val", "ANT", "Ant")
    dataset = scan(tmp_path)
    assert numbers(dataset) == (4, 1, 0)
    assert "Classes 'ANT' and 'Ant' of val skipped: they have no training images." in dataset.notes


def test_classes_are_in_natural_order_and_a_stored_split_keeps_its_own(tmp_path: Path) -> None:
    dataset = split(scan(write_files(tmp_path / "data", [f"{number}/2" for number in (1, 2, 10, 11)])), 0.5, 0)
    assert dataset.classes == ("1", "2", "10", "11")
    path = tmp_path / "split.json"
    write_split(dataset, path)
    older = path.read_text("utf-8").replace('"1",\n"2",\n"10",\n"11"', '"1",\n"10",\n"11",\n"2"')
    path.write_text(older, "utf-8")
    stored = read_split(path)
    assert stored.classes == ("1", "10", "11", "2")
    assert all(sample.path.startswith(f"{stored.classes[sample.label]}/") for sample in stored.samples)


def test_many_classes_without_validation_images_are_one_note(tmp_path: Path) -> None:
    names = [f"class {number}" for number in range(1, 31)]
    files = [*(f"train/{name}/{1 + number // 20}" for number, name in enumerate(names)), "val/class 7/1", "val/x/1"]
    assert scan(write_files(tmp_path, files)).notes == (
        "Class 'x' of val skipped: it has no training images.",
        "Classes 'class 1', 'class 2', 'class 3', 'class 4', 'class 5' and 24 more have no images in val.",
        "Classes 'class 1', 'class 2', 'class 3', 'class 4', 'class 5' and 15 more have only one training image each.",
    )


def test_many_classes_in_another_letter_case_are_one_note(tmp_path: Path) -> None:
    files = [
        f"{split}/{name}/2" for split, name in (("train", "Ant"), ("train", "Bee"), ("val", "ant"), ("val", "bee"))
    ]
    assert scan(write_files(tmp_path, files)).notes == (
        "Folders of val are matched without regard to letter case: 'ant' as 'Ant' and 'bee' as 'Bee'.",
    )
