"""Layouts of dataset folders: which folders are read as splits and as classes, what is noted, and what is refused.

Each row gives the image files of a folder, as `folder/folder/2` for two images, and what a scan makes of them.
"""

import re
from collections.abc import Sequence
from pathlib import Path

import pytest

from engine.core.errors import EngineError
from engine.data.dataset import Dataset, require_trainable, scan

ANT_BEE = ("ant", "bee")


def write_files(root: Path, folders: Sequence[str]) -> Path:
    """Write empty files: `a/b/2` is two images in a/b, and `a/b.txt` is a file of that name."""
    for entry in folders:
        folder, _, last = entry.rpartition("/")
        (root / folder).mkdir(parents=True, exist_ok=True)
        if last.isdecimal():
            for number in range(int(last)):
                (root / folder / f"{number}.jpg").touch()
        elif last:
            (root / folder / last).touch()
    return root


def both(*folders: str, count: int = 2) -> list[str]:
    """Return class folders ant and bee in each of the folders."""
    return [f"{folder}/{name}/{count}" for folder in folders for name in ANT_BEE]


def numbers(dataset: Dataset) -> tuple[int, int, int]:
    """Return the number of training, validation and test images."""
    train, val, test = (len(dataset.of_split(split)) for split in ("train", "val", "test"))
    return train, val, test


SPLITS = [
    (both("train", "val"), (4, 4, 0)),
    (both("Training", "Testing"), (4, 0, 4)),
    (both("training_set", "test_set"), (4, 0, 4)),
    (both("train", "dev"), (4, 4, 0)),
    (both("train", "eval"), (4, 4, 0)),
    (both("train", "dev", "eval"), (4, 4, 4)),
    (both("train", "test", "eval"), (4, 4, 4)),
    (both("train", "val", "holdout"), (4, 4, 4)),
    (both("train", "hold-out"), (4, 4, 0)),
    (both("TRAIN", "VAL", "TEST"), (4, 4, 4)),
    (both("Train", "Valid"), (4, 4, 0)),
    (both("train_images", "val_images"), (4, 4, 0)),
    (both("images_train", "images_test"), (4, 0, 4)),
    (both("training-set", "validation-set"), (4, 4, 0)),
    (both("TrainSet", "TestSet1"), (4, 0, 4)),
    (both("train2017", "val2017"), (4, 4, 0)),
    (both("trainset", "devset", "testset"), (4, 4, 4)),
    (both("train data", "test data"), (4, 0, 4)),
    (both("1_train", "2_valid", "3_test"), (4, 4, 4)),
    ([*both("seg_train/seg_train", "seg_test/seg_test"), "seg_pred/seg_pred/3"], (4, 0, 4)),
    (both("hymenoptera-train", "hymenoptera-val"), (4, 4, 0)),
    (both("train"), (4, 0, 0)),
    (both("train", "test"), (4, 0, 4)),
    (both("archive/train", "archive/val"), (4, 4, 0)),
    (both("x/x/train", "x/x/val"), (4, 4, 0)),
    (both("train/train", "val/val"), (4, 4, 0)),
    (both("train/images", "val/images"), (4, 4, 0)),
    ([*both("train", "val"), "runs/"], (4, 4, 0)),
    ([*both("train", "val"), "annotations/1.xml"], (4, 4, 0)),
    ([*both("train", "val"), "__MACOSX/3"], (4, 4, 0)),
    ([*both("train", "val"), ".ipynb_checkpoints/3"], (4, 4, 0)),
    ([*both("train", "val"), "System Volume Information/1"], (4, 4, 0)),
    ([*both("train", "val"), "$RECYCLE.BIN/S-1-5/1"], (4, 4, 0)),
    ([*both("train", "val"), "@eaDir/x.jpg/1"], (4, 4, 0)),
    ([*both("train", "val"), "lost+found/", ".thumbnails/2"], (4, 4, 0)),
    ([*both("train", "val"), "Thumbs.db", "desktop.ini", "readme.txt", "preview.png"], (4, 4, 0)),
    ([*both("train", "val"), "examples/5"], (4, 4, 0)),
    ([*both("train", "val"), "augmented/ant/2"], (4, 4, 0)),
    ([*both("train"), "val/ant/monday/1", "test/bee/cam 1/1"], (4, 1, 1)),
    ([*both("train"), "test/6"], (4, 0, 0)),
    ([*both("kaggle_train/kaggle_train"), "kaggle_test/kaggle_test/6"], (4, 0, 0)),
    ([*both("train", "test", "valid"), *both("chest_xray/train", "chest_xray/valid")], (4, 4, 4)),
    ([*both("train", "test"), "val/"], (4, 0, 4)),
    (["ant/train/2", "ant/val/1", "bee/train/2", "bee/val/1"], (4, 2, 0)),
    (["ant/Training/2", "ant/Test/1", "bee/Training/3"], (5, 0, 1)),
]


@pytest.mark.parametrize(("files", "expected"), SPLITS, ids=[" ".join(files) for files, _ in SPLITS])
def test_split_folders_are_splits(tmp_path: Path, files: list[str], expected: tuple[int, int, int]) -> None:
    dataset = scan(write_files(tmp_path, files))
    assert dataset.classes == ANT_BEE
    assert numbers(dataset) == expected
    assert dataset.has_val == (expected[1] > 0)
    assert all(f"/{dataset.classes[sample.label]}/" in f"/{sample.path}" for sample in dataset.samples)


CLASSES = [
    (["ant/2", "bee/2"], ANT_BEE),
    (["data/ant/2", "data/bee/2"], ANT_BEE),
    (["archive/data/ant/2", "archive/data/bee/2", "archive/readme.jpg"], ANT_BEE),
    (["x/x/ant/2", "x/x/bee/2"], ANT_BEE),
    (["images/ant/2", "images/bee/2", "labels/ant/1.txt"], ANT_BEE),
    (["train/2", "bus/2", "plane/2"], ("bus", "plane", "train")),
    (["test/2", "ant/2"], ("ant", "test")),
    (["dev/2", "ops/2"], ("dev", "ops")),
    (["dev/2", "ops/monday/2"], ("dev", "ops")),
    (["train/2", "train/steam/1", "bus/2"], ("bus", "train")),
    (["test/patient1/2", "test/patient2/2", "control/patient3/2"], ("control", "test")),
    (["train station/2", "test tube/2"], ("test tube", "train station")),
    (["validation/2", "error/2"], ("error", "validation")),
    (["_ant/2", "__bee__/2"], ("__bee__", "_ant")),
    (["10/1", "9/1", "1/1"], ("1", "9", "10")),
    (["red/monday/2", "blue/2"], ("blue", "red")),
    (["ant/2023-05-01/1", "ant/2023-05-02/1", "bee/2023-05-01/1", "bee/2023-05-02/1"], ANT_BEE),
    (["ant/cam1/1", "ant/cam2/1", "bee/cam1/1", "bee/cam2/1"], ANT_BEE),
    ([f"{name}/{side}/1" for name in "abcde" for side in ("left", "right")], tuple("abcde")),
    (["bird/eagle/1", "bird/owl/1", "fish/cod/1", "fish/eel/1"], ("bird", "fish")),
    (["runs/2", "jumps/2"], ("jumps", "runs")),
    (["recycled/2", "waste/2", "#recycle/2"], ("recycled", "waste")),
    (["ant/2", "bee/2", "empty/", "ant/Thumbs.db", "ant/~$x.jpg", "ant/._0.jpg", "bee/.DS_Store"], ANT_BEE),
]


@pytest.mark.parametrize(("files", "classes"), CLASSES, ids=[" ".join(files) for files, _ in CLASSES])
def test_folders_of_images_are_classes(tmp_path: Path, files: list[str], classes: tuple[str, ...]) -> None:
    dataset = scan(write_files(tmp_path, files))
    assert dataset.classes == classes
    assert numbers(dataset)[1:] == (0, 0)


NOTES = [
    (
        [*both("train", "val"), "examples/5"],
        "The folder 'examples' is not a split and is left out (5\N{NO-BREAK SPACE}images).",
    ),
    (
        [*both("train"), "test/6"],
        "The folder 'test' contains no class folders and is left out (6\N{NO-BREAK SPACE}images).",
    ),
    ([*both("train", "val"), "runs/"], "The folder 'runs' contains no images."),
    (["data/ant/2", "data/bee/2"], "The classes are read from the folder 'data'."),
    (both("x/x/train", "x/x/val"), "The classes are read from the folder 'x/x'."),
    (["train/2", "bus/2"], "'train' is read as a class, not as a split of the dataset."),
    (["red/monday/2", "blue/2"], "'red/monday' belongs to 'red'."),
    (["bird/eagle/1", "bird/owl/1", "fish/cod/1"], "To train on the inner folders, choose one of the class folders."),
    ([*both("train", "val"), "__MACOSX/3"], "The hidden or system folder '__MACOSX' is skipped."),
    (["ant/2", "bee/2", "ant/@eaDir/2"], "The hidden or system folder 'ant/@eaDir' is skipped."),
    (["ant/2", "bee/2", "ant/IMG_1", "ant/IMG_2"], "The files 'ant/IMG_1' and 'ant/IMG_2' are skipped: no suffix"),
    (["ant/2", "bee/2", "ant/a.jpg.txt"], "1\N{NO-BREAK SPACE}other file skipped."),
    (["ant/train/2", "ant/val/1", "bee/train/2"], "The split folders are read from inside the class folders."),
    (
        ["train/ant/2", "train/bee/2", "val/Ant/1"],
        "without regard to letter case: 'Ant' as 'ant'.",
    ),
]


@pytest.mark.parametrize(("files", "note"), NOTES, ids=[" ".join(files) for files, _ in NOTES])
def test_a_note_explains_what_may_surprise(tmp_path: Path, files: list[str], note: str) -> None:
    notes = scan(write_files(tmp_path, files)).notes
    assert any(note in line for line in notes), notes


REFUSED = [
    (["train/2", "test/2"], "'test' and 'train' are named like splits but contain no class folders"),
    (["train/2", "val/2", "test/2"], "contain no class folders"),
    ([*both("test"), "train/9"], "folder 'train' is named like a split but contains no class folders"),
    (["images/train/2", "images/val/2", "labels/train/1.txt"], "no class folders"),
    ([*both("train"), "examples/2"], "folder 'train' is named like a split, but 'examples' beside it is not"),
    ([*both("test"), "ant/2", "bee/2"], "folder 'test' is named like a split, but 'ant' and 'bee' beside it are not"),
    (both("train", "entrenamiento"), "'train' is named like a split, but 'entrenamiento' beside it is not"),
    (["train/ant/2", "train/bee/2", "val/cat/2"], "'train' and 'val' have no class in common"),
    (both("train", "training"), "look like the train split"),
    (both("train", "val", "dev"), "look like the val split"),
    (both("train", "val", "test", "eval"), "look like the test split"),
    (both("flowers/train", "flowers/val", "insects/train", "insects/val"), "'flowers' and 'insects' are datasets"),
    ([*both("archive/train", "archive/val"), "pictures of us/3"], "folder 'archive' is a dataset"),
    (both("flowers", "insects"), "contain the same class folders ('ant' and 'bee')"),
    (both("color", "grayscale", "segmented"), "contain the same class folders"),
    (both("2023", "2024"), "contain the same class folders"),
    (both("site a", "site b", "site c", "site d", "site e", "site f"), "contain the same class folders"),
    (both("images", "masks"), "The folder 'images' may contain the class folders, or be a class like 'masks'"),
    ([f"person{p}/{digit}/1" for p in (1, 2) for digit in range(10)], "contain the same class folders"),
    (
        both("fold1", "fold2", "fold3", "fold4", "fold5"),
        "'fold1', 'fold2', 'fold3', 'fold4' and 'fold5' are named like folds",
    ),
    (["split0/2", "split1/2"], "named like folds"),
    (both("fold1/train", "fold1/val", "fold2/train", "fold2/val"), "are datasets with splits of their own"),
    ([*both("cell_images"), "ant/2", "bee/2"], "'cell_images' contains class folders with the names of those beside"),
    (["ant/2", "bee/2", "backup/ant/2"], "'backup' contains class folders with the names of those beside it"),
    (["train/train/2", "train/val/2"], "'train' and 'val' are named like splits but contain no class folders"),
    ([*both("images"), "screenshots/3"], "The folder 'images' may contain the class folders"),
    (["ant/train/2", "ant/val/2", "bee/5"], "Some class folders contain train and other splits, but 'bee' does not"),
    (both("train/flowers", "train/insects", "val/flowers", "val/insects"), "contain the same class folders"),
    (["a.jpg", "b.jpg"], "no class folders"),
    (["ant/", "bee/"], "no images"),
    (
        ["ant/1.2.840", "ant/IMG", "bee/x.dcm"],
        "no images in this folder, only 3\N{NO-BREAK SPACE}files without a suffix of an image",
    ),
    (["config.json", "model.safetensors", "history.png"], "the folder of a run, not of images"),
]


@pytest.mark.parametrize(("files", "sentence"), REFUSED, ids=[" ".join(files)[:80] for files, _ in REFUSED])
def test_doubtful_folders_are_refused_with_a_way_out(tmp_path: Path, files: list[str], sentence: str) -> None:
    with pytest.raises(EngineError, match=re.escape(sentence)) as caught:
        scan(write_files(tmp_path, files))
    assert caught.value.path is not None
    assert re.search(r"Put |Choose |Give |Create |move ", caught.value.message)


@pytest.mark.parametrize("files", [both("val"), both("test"), both("val", "test"), both("data/Validation")])
def test_a_folder_without_training_images_can_be_scanned_and_not_trained_on(tmp_path: Path, files: list[str]) -> None:
    dataset = scan(write_files(tmp_path, files))
    assert dataset.classes == ANT_BEE
    assert numbers(dataset)[0] == 0
    with pytest.raises(EngineError, match="only validation or test images"):
        require_trainable(dataset)


RUN = ("config.json", "model.safetensors", "history.png", "tensorboard/1.jpg")


@pytest.mark.parametrize("place", ["run", "runs/2026-11-27", "train/run", "train/ant/run", "a/b/c"])
def test_a_run_folder_inside_the_data_is_never_read(tmp_path: Path, place: str) -> None:
    files = [*both("train", "val"), *[f"{place}/{name}" for name in RUN]]
    dataset = scan(write_files(tmp_path, files))
    assert (dataset.classes, numbers(dataset)) == (ANT_BEE, (4, 4, 0))
    assert f"The folder '{place}' is skipped: written by a training." in dataset.notes


def test_a_run_that_was_killed_before_its_model_was_written_is_never_read(tmp_path: Path) -> None:
    dataset = scan(write_files(tmp_path, [*both("."), "run/config.json", "run/split.json", "run/history.png"]))
    assert (dataset.classes, numbers(dataset)) == (ANT_BEE, (4, 0, 0))


def test_sorted_images_inside_the_data_are_skipped_and_a_sorted_folder_itself_is_data(tmp_path: Path) -> None:
    write_files(tmp_path, [*both(".", "sorted"), "sorted/classifold-sort.jsonl"])
    dataset = scan(tmp_path)
    assert (dataset.classes, numbers(dataset)) == (ANT_BEE, (4, 0, 0))
    assert any("'sorted' is skipped: written by sorting" in note for note in dataset.notes)
    assert numbers(scan(tmp_path / "sorted")) == (4, 0, 0)


@pytest.mark.parametrize(
    ("files", "classes", "skipped"),
    [
        ([*both("."), "review/3"], ANT_BEE, "review"),
        ([*both("."), "review/3", "_review/2"], ("ant", "bee", "review"), "_review"),
    ],
)
def test_images_that_sorting_left_for_a_person_are_no_class(
    tmp_path: Path, files: list[str], classes: tuple[str, ...], skipped: str
) -> None:
    write_files(tmp_path, files)
    assert skipped in scan(tmp_path).classes
    write_files(tmp_path, ["classifold-sort.jsonl"])
    dataset = scan(tmp_path)
    assert dataset.classes == classes
    note = f"The folder '{skipped}' is skipped: its images need a decision of a person."
    assert note in dataset.notes


def test_a_class_called_train_may_be_inside_splits(tmp_path: Path) -> None:
    dataset = scan(write_files(tmp_path, ["train/train/2", "train/bus/2", "val/train/1", "val/bus/1", "test/train/1"]))
    assert (dataset.classes, numbers(dataset)) == (("bus", "train"), (4, 2, 1))


def test_datasets_with_different_classes_beside_each_other_are_said(tmp_path: Path) -> None:
    dataset = scan(write_files(tmp_path, ["flowers/rose/2", "flowers/tulip/2", "insects/ant/2", "insects/bee/2"]))
    assert dataset.classes == ("flowers", "insects")
    assert dataset.notes == (
        "Folders inside class folders are no classes of their own: 'flowers/rose' belongs to 'flowers'. To train on "
        "the inner folders, choose one of the class folders.",
    )
