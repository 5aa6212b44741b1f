"""Tests of sorting files by prediction."""

import os
from collections.abc import Sequence
from pathlib import Path

import pytest

from engine.core.errors import EngineError
from engine.core.event_stream import run_to_end
from engine.data.dataset import scan
from engine.results.predictions import ACCEPTED, UNKNOWN, UNSURE, Prediction
from engine.sorting.file_transfer import TransferMode
from engine.sorting.folder_names import choose_folders
from engine.sorting.sorter import default_target, files_to_sort
from engine.sorting.undo import UNDO_NAME, undo
from tests.class_names import AWKWARD_NAMES
from tests.engine.sorting.sorted_folders import MODES, make_prediction, read_tree, sort_folder, write_photos


@pytest.mark.parametrize("mode", MODES)
def test_images_are_sorted_by_class_and_unsure_ones_into_review(
    source: Path, tmp_path: Path, mode: TransferMode
) -> None:
    before = read_tree(source)
    decisions = {"a.jpg": ACCEPTED, "b.jpg": UNSURE, "c.png": UNKNOWN}
    result = sort_folder(
        source, tmp_path / "out", mode, lambda path: make_prediction(path, "ant", decisions[path.name])
    )
    sorted_paths = {path for path in read_tree(tmp_path / "out") if "." in path}
    assert sorted_paths == {"ant/a.jpg", "ant/a-2.jpg", "review/b.jpg", "review/c.png", UNDO_NAME}
    assert result.num_per_folder == {"ant": 2, "review": 2}
    assert (read_tree(source) == before) == (mode != "move")
    assert (source / "notes.txt").exists()


def test_a_target_inside_the_source_is_not_sorted_again(source: Path) -> None:
    sort_folder(source, source / "sorted", "copy")
    second = sort_folder(source, source / "sorted", "copy")
    assert second.num_sorted == 4
    assert {path.name for path in (source / "sorted" / "ant").iterdir()} >= {"a.jpg", "a-2.jpg", "a-3.jpg", "a-4.jpg"}
    run_to_end(undo(second.undo_path))
    run_to_end(undo(source / "sorted"))
    assert not (source / "sorted").exists()


def test_classes_with_colliding_folder_names_get_separate_folders_whatever_image_comes_first(tmp_path: Path) -> None:
    labels = {"a.jpg": "a/b", "b.jpg": "a:b", "c.jpg": "A_B", "d.jpg": "review", "e.jpg": "ok"}
    source = write_photos(tmp_path / "photos", *labels)
    decisions = {"e.jpg": UNSURE}
    result = sort_folder(
        source,
        tmp_path / "out",
        "copy",
        lambda path: make_prediction(path, labels[path.name], decisions.get(path.name, ACCEPTED)),
        list(labels.values()),
    )
    assert result.num_per_folder == {"A_B": 1, "a_b-2": 1, "a_b-3": 1, "review": 1, "_review": 1}
    assert result.review_folder == "_review"


def test_a_folder_without_images_or_undo_file_raises_an_error(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(EngineError, match="no images"):
        files_to_sort(tmp_path / "empty", tmp_path / "out")
    with pytest.raises(EngineError, match="no undo file"):
        run_to_end(undo(tmp_path / "empty"))


def test_the_default_target_is_a_new_sibling_folder(source: Path) -> None:
    assert default_target(source) == source.with_name("photos sorted")
    source.with_name("photos sorted").mkdir()
    assert default_target(source) == source.with_name("photos sorted-2")


def test_the_default_target_of_a_drive_is_inside_and_a_long_name_is_shortened(tmp_path: Path) -> None:
    drive = Path(tmp_path.anchor)
    assert default_target(drive).parent == drive
    default_target(tmp_path / ("ü" * 127)).mkdir()


@pytest.mark.parametrize("mode", MODES)
def test_classes_of_any_name_are_sorted_and_undone(tmp_path: Path, mode: TransferMode) -> None:
    labels = {f"{number}.jpg": name for number, name in enumerate(AWKWARD_NAMES)}
    source = write_photos(tmp_path / "photos", *labels, "unsure.jpg", "unknown.jpg")
    before = read_tree(source)

    def predict(path: Path) -> Prediction:
        if path.name in labels:
            return make_prediction(path, labels[path.name])
        return make_prediction(path, "review", UNSURE if path.name == "unsure.jpg" else UNKNOWN)

    result = sort_folder(source, tmp_path / "out", mode, predict, AWKWARD_NAMES)
    for name, label in labels.items():
        assert (tmp_path / "out" / choose_folders(AWKWARD_NAMES, [UNDO_NAME]).class_folders[label] / name).exists()
    review = {path.name for path in (tmp_path / "out" / result.review_folder).iterdir()}
    assert review == {"unsure.jpg", "unknown.jpg"}
    assert result.num_per_folder["review"] == 1
    run_to_end(undo(tmp_path / "out"))
    assert read_tree(source) == before
    assert not (tmp_path / "out").exists()


@pytest.mark.usefixtures("symlinks")
def test_a_target_inside_the_source_is_recognised_by_another_path(source: Path, tmp_path: Path) -> None:
    write_photos(source, "Sorted/ant/old.jpg")
    (tmp_path / "other name").symlink_to(source)
    names = {path.name for path in files_to_sort(source, tmp_path / "other name" / "Sorted")}
    assert "old.jpg" not in names
    with pytest.raises(EngineError, match="into the folder they come from"):
        files_to_sort(source, tmp_path / "other name")


def test_a_target_inside_the_source_is_recognised_where_letter_case_does_not_matter(
    source: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_photos(source, "Sorted/ant/old.jpg")

    def same(first: Path, second: Path) -> bool:
        return str(first).casefold() == str(second).casefold()

    monkeypatch.setattr(os.path, "samefile", same)
    assert "old.jpg" not in {path.name for path in files_to_sort(source, source.with_name("PHOTOS") / "sorted")}


def test_images_are_sorted_into_a_folder_above_them(source: Path) -> None:
    assert sort_folder(source / "deep", source, "move").num_sorted == 2
    assert (source / "ant" / "a.jpg").exists()


@pytest.mark.parametrize("classes", [("ant", "review"), ("ant", "review", "_review"), ("ant", "bee")])
@pytest.mark.parametrize("has_unsure", [True, False])
def test_a_sorted_folder_is_a_dataset_of_its_classes_without_the_images_to_review(
    tmp_path: Path, classes: Sequence[str], has_unsure: bool
) -> None:
    source = write_photos(tmp_path / "photos", *(f"{name}/{number}.jpg" for name in classes for number in range(3)))

    def predict(path: Path) -> Prediction:
        is_unsure = has_unsure and path.name == "2.jpg"
        return make_prediction(path, path.parent.name, UNSURE if is_unsure else ACCEPTED)

    sort_folder(source, tmp_path / "out", "copy", predict, classes)
    dataset = scan(tmp_path / "out")
    assert set(dataset.classes) == set(classes)
    assert dataset.counts() == [2 if has_unsure else 3] * len(classes)
