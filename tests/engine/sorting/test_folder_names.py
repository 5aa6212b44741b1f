"""Tests of the names of folders and files that images are sorted into."""

import os
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.sorting.folder_names import choose_folders, folder_name, free_path
from tests.class_names import AWKWARD_NAMES


@given(names=st.lists(st.text(max_size=30), min_size=1, max_size=8))
def test_folder_names_are_valid_on_every_system(names: Sequence[str]) -> None:
    for name in names:
        made = folder_name(name)
        assert made == os.path.basename(made) not in ("", ".", "..")
        assert not made.startswith(".")
        assert made == made.rstrip(". ")
        assert not set(made) & set('\0\n\t<>:"/\\|?*')


@pytest.mark.parametrize(
    "name", ["CON", "nul", "com1", "lpt9.txt", "AUX.x", "COM¹", "conin$", "nul .x", "..", "", ".hidden", " . "]
)
def test_reserved_names_get_a_prefix(name: str) -> None:
    assert folder_name(name).startswith("_")


def test_the_folder_for_review_never_has_the_name_of_a_class() -> None:
    assert choose_folders(["ant", "bee"]).review == "review"
    for name in ("review", "Review", "REVIEW", " review", "review."):
        folders = choose_folders(["ant", name])
        assert folders.class_folders[name].casefold() == "review"
        assert folders.review == "_review"
    assert choose_folders(["review", "_Review"]).review == "_review-2"


@given(st.lists(st.sampled_from(AWKWARD_NAMES) | st.text(min_size=1, max_size=6), unique=True, max_size=12))
def test_all_folders_differ_without_regard_to_letter_case(classes: Sequence[str]) -> None:
    folders = choose_folders(classes, ["classifold-sort.jsonl"])
    names = [*folders.class_folders.values(), folders.review, "classifold-sort.jsonl"]
    assert set(folders.class_folders) == set(classes)
    assert len({name.casefold() for name in names}) == len(names)
    assert folders == choose_folders(classes, ["classifold-sort.jsonl"])


def test_a_class_whose_name_is_a_valid_folder_name_keeps_it() -> None:
    classes = ["a:b", "a_b", "a_b-2", "A_B"]
    folders = choose_folders(classes).class_folders
    assert folders == {"a:b": "a_b-4", "a_b": "a_b", "a_b-2": "a_b-2", "A_B": "A_B-3"}


def test_a_long_name_of_a_class_or_file_fits_the_limit_of_file_systems(tmp_path: Path) -> None:
    long_names = ["蜜" * 300, "蜜" * 300 + "蜂", "x" * 300]
    for name in choose_folders(long_names).class_folders.values():
        (tmp_path / name).mkdir()
    for file_name in ("x" * 251 + ".jpg", "蜜" * 83 + "ab.jpg"):
        (tmp_path / file_name).touch()
        second = free_path(tmp_path, file_name)
        second.touch()
        assert second.name.endswith("-2.jpg")
        assert len(os.fsencode(second.name)) <= 255
        assert free_path(tmp_path, file_name).name.endswith("-3.jpg")


def test_a_file_name_is_taken_where_letter_case_does_not_matter(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "a.jpg").touch()
    names = {"a.jpg"}
    monkeypatch.setattr(os.path, "lexists", lambda path: Path(path).name.casefold() in names)
    assert free_path(tmp_path, "A.JPG") == tmp_path / "A-2.JPG"
