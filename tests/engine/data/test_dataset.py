"""Tests of scanning a dataset folder."""

import os
from pathlib import Path

import pytest

from engine.core.errors import EngineError
from engine.data.dataset import find_images, require_trainable, scan
from tests.images import write_classes


def test_each_subfolder_is_a_class(tmp_path: Path) -> None:
    dataset = scan(write_classes(tmp_path, {"red": 3, "blue": 2}))
    assert dataset.classes == ("blue", "red")
    assert dataset.counts() == [2, 3]
    assert {sample.split for sample in dataset.samples} == {"train"}
    assert not dataset.has_val


def test_train_and_val_folders_are_splits(tmp_path: Path) -> None:
    for name, count in (("train", 3), ("val", 2), ("test", 1)):
        write_classes(tmp_path / name, {"red": count, "blue": count})
    dataset = scan(tmp_path)
    assert dataset.has_val
    assert dataset.classes == ("blue", "red")
    assert [dataset.counts(split) for split in ("train", "val", "test")] == [[3, 3], [2, 2], [1, 1]]


def test_a_class_may_be_called_train(tmp_path: Path) -> None:
    assert scan(write_classes(tmp_path, {"train": 2, "bus": 2})).classes == ("bus", "train")


def test_a_class_that_is_missing_in_a_split_does_not_shift_labels(tmp_path: Path) -> None:
    write_classes(tmp_path / "train", {"ant": 2, "bee": 2, "cat": 2})
    write_classes(tmp_path / "val", {"ant": 1, "cat": 1})
    dataset = scan(tmp_path)
    names = {dataset.classes[sample.label] for sample in dataset.of_split("val")}
    assert names == {"ant", "cat"}
    assert all(f"/{dataset.classes[s.label]}/" in s.path for s in dataset.samples)
    assert "Class 'bee' has no images in val." in dataset.notes


def test_a_class_without_training_images_is_skipped_with_a_note(tmp_path: Path) -> None:
    write_classes(tmp_path / "train", {"ant": 2, "bee": 2})
    write_classes(tmp_path / "val", {"ant": 1, "bee": 1, "wasp": 1})
    dataset = scan(tmp_path)
    assert dataset.classes == ("ant", "bee")
    assert len(dataset.of_split("val")) == 2
    assert any("'wasp'" in note for note in dataset.notes)


def test_hidden_and_empty_folders_and_other_files_are_skipped(tmp_path: Path) -> None:
    write_classes(tmp_path, {"red": 2, "blue": 2, ".ipynb_checkpoints": 2, "__MACOSX": 2})
    (tmp_path / "empty").mkdir()
    (tmp_path / "red" / "notes.txt").write_text("x")
    (tmp_path / "red" / ".DS_Store").write_text("x")
    dataset = scan(tmp_path)
    assert dataset.classes == ("blue", "red")
    assert len(dataset.samples) == 4
    assert "The folder 'empty' contains no images." in dataset.notes
    assert "1\N{NO-BREAK SPACE}other file skipped." in dataset.notes


def test_images_in_the_root_are_skipped_with_a_note(tmp_path: Path) -> None:
    write_classes(tmp_path, {"red": 2, "blue": 2})
    (tmp_path / "red" / "000.png").rename(tmp_path / "loose.png")
    dataset = scan(tmp_path)
    assert len(dataset.samples) == 3
    assert any(note.startswith("1\N{NO-BREAK SPACE}image skipped") for note in dataset.notes)


def test_subfolders_of_a_class_belong_to_it(tmp_path: Path) -> None:
    write_classes(tmp_path / "red", {"monday": 2, "tuesday": 1})
    write_classes(tmp_path, {"blue": 2})
    assert scan(tmp_path).counts() == [2, 3]


def test_names_with_spaces_and_unicode_are_kept(tmp_path: Path) -> None:
    dataset = scan(write_classes(tmp_path / "Ünï çødé 测试 🐈", {"rosé bush": 2, "测试": 2}))
    assert dataset.classes == ("rosé bush", "测试")
    assert all((dataset.root / sample.path).is_file() for sample in dataset.samples)


@pytest.mark.usefixtures("symlinks")
def test_circular_links_are_followed_once(tmp_path: Path) -> None:
    write_classes(tmp_path, {"red": 2, "blue": 2})
    os.symlink(tmp_path / "red", tmp_path / "red" / "again")
    assert scan(tmp_path).counts() == [2, 2]


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no named pipes")
def test_a_pipe_named_like_an_image_is_listed(tmp_path: Path) -> None:
    write_classes(tmp_path, {"red": 2, "blue": 2})
    os.mkfifo(tmp_path / "red" / "pipe.jpg")
    assert scan(tmp_path).counts() == [2, 3]


def test_a_class_with_one_training_image_is_noted(tmp_path: Path) -> None:
    assert "Class 'blue' has only one training image." in scan(write_classes(tmp_path, {"red": 3, "blue": 1})).notes


@pytest.mark.parametrize("kind", ["missing", "file", "empty", "loose"])
def test_a_folder_without_classes_raises_an_error(tmp_path: Path, kind: str) -> None:
    root = tmp_path / "data"
    if kind == "file":
        root.write_text("x")
    elif kind != "missing":
        root.mkdir()
    if kind == "loose":
        (root / "a.png").write_bytes(b"x")
    sentences = {"missing": "does not exist", "file": "not a folder", "empty": "no images", "loose": "no class folders"}
    with pytest.raises(EngineError, match=sentences[kind]) as caught:
        scan(root)
    assert caught.value.path == root


def test_a_dataset_with_one_class_cannot_be_trained(tmp_path: Path) -> None:
    with pytest.raises(EngineError, match="only one class, 'red'"):
        require_trainable(scan(write_classes(tmp_path, {"red": 3})))


def test_images_of_a_folder_are_found_in_sorted_order(tmp_path: Path) -> None:
    write_classes(tmp_path, {"red": 2, "blue": 1})
    assert [path.relative_to(tmp_path).as_posix() for path in find_images(tmp_path)] == [
        "blue/000.png",
        "red/000.png",
        "red/001.png",
    ]


def test_the_shared_datasets_have_their_documented_counts(shared: Path) -> None:
    hymenoptera = scan(shared / "data" / "hymenoptera")
    assert hymenoptera.classes == ("ants", "bees")
    assert len(hymenoptera.samples) == 244 + 153
    assert scan(shared / "data" / "flowers_small").counts() == [764, 1052, 784, 733, 984]
