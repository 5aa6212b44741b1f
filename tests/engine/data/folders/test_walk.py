"""Tests of links, leftovers of systems, and file names in the folders of a dataset."""

import errno
import inspect
import os
import sys
from collections import Counter
from pathlib import Path

import pytest

from engine.core.errors import EngineError
from engine.core.event_stream import run_to_end
from engine.data.dataset import Dataset, find_images, scan
from engine.data.folders import walk
from engine.data.folders.walk import walk_in_steps
from tests.engine.data.folders.test_layouts import both, numbers, write_files

SYSTEM_FOLDERS = (
    *("__MACOSX", ".AppleDouble", ".Trash-1000", "lost+found", "$RECYCLE.BIN", "System Volume Information"),
    *("@eaDir", "#recycle", ".@__thumb", "#snapshot", "@Recycle"),
    *(".git", "__pycache__", ".thumbnails", ".ipynb_checkpoints"),
)
UNUSUAL_NAMES = ("line\nbreak", "tab\t", "x" * 255, "ü" * 127, "\u202eright", "\u200f", "a\\b", "*?", "-rf")


def counts(dataset: Dataset) -> dict[str, int]:
    """Return the number of images of each class."""
    return dict(zip(dataset.classes, dataset.counts()))


def has_note(dataset: Dataset, text: str) -> bool:
    """Return True if a note contains the text."""
    return any(text in note for note in dataset.notes)


@pytest.mark.usefixtures("symlinks")
@pytest.mark.parametrize("target", [".", "..", "ant", "/"])
def test_a_link_to_a_folder_above_is_not_followed(tmp_path: Path, target: str) -> None:
    root = write_files(tmp_path / "data", ["ant/2", "bee/2"])
    write_files(tmp_path, ["strangers/5"])
    os.symlink(os.path.abspath(root / target), root / "ant" / "up")
    dataset = scan(root)
    assert counts(dataset) == {"ant": 2, "bee": 2}
    assert has_note(dataset, "The link 'ant/up' is skipped: the target is read already.")


@pytest.mark.usefixtures("symlinks")
def test_links_to_each_other_are_followed_once(tmp_path: Path) -> None:
    names = [f"class {number}" for number in range(12)]
    root = write_files(tmp_path, [f"{name}/1" for name in names])
    for name in names:
        for other in names:
            os.symlink(root / other, root / name / f"to {other}")
    steps = list(walk_in_steps(str(root)))
    assert len(steps) == 1 + len(names)
    assert scan(root).counts() == [1] * 12


@pytest.mark.usefixtures("symlinks")
def test_links_of_a_folder_to_each_other_outside_are_followed_once(tmp_path: Path) -> None:
    write_files(tmp_path, ["pool/1", "pool/inner/1", "data/ant/1", "data/bee/1"])
    os.symlink(tmp_path / "pool", tmp_path / "pool" / "inner" / "again")
    os.symlink(tmp_path / "pool" / "inner", tmp_path / "data" / "ant" / "a")
    os.symlink(tmp_path / "pool", tmp_path / "data" / "bee" / "b")
    dataset = scan(tmp_path / "data")
    assert sum(dataset.counts()) == 4
    assert has_note(dataset, "is read already")


@pytest.mark.usefixtures("symlinks")
def test_classes_may_be_links_to_other_folders(tmp_path: Path) -> None:
    write_files(tmp_path, ["pool/x/3", "pool/y/2", "data/"])
    for name, target in (("ant", "x"), ("bee", "y")):
        os.symlink(tmp_path / "pool" / target, tmp_path / "data" / name)
    dataset = scan(tmp_path / "data")
    assert (counts(dataset), dataset.notes) == ({"ant": 3, "bee": 2}, ())
    assert dataset.samples[0].path == "ant/0.jpg"


@pytest.mark.usefixtures("symlinks")
def test_a_folder_that_two_links_lead_to_is_read_once_and_noted(tmp_path: Path) -> None:
    write_files(tmp_path, ["pool/3", "data/bee/2"])
    for name in ("ant", "wasp"):
        os.symlink(tmp_path / "pool", tmp_path / "data" / name)
    dataset = scan(tmp_path / "data")
    assert counts(dataset) == {"ant": 3, "bee": 2}
    assert has_note(dataset, "The link 'wasp' is skipped")


@pytest.mark.usefixtures("symlinks")
def test_a_validation_folder_that_is_a_link_to_the_training_folder_is_not_used(tmp_path: Path) -> None:
    write_files(tmp_path, both("train"))
    os.symlink(tmp_path / "train", tmp_path / "val")
    dataset = scan(tmp_path)
    assert (numbers(dataset), dataset.has_val) == ((4, 0, 0), False)
    assert has_note(dataset, "The link 'val' is skipped")


@pytest.mark.usefixtures("symlinks")
def test_an_image_that_two_links_of_a_class_lead_to_counts_once(tmp_path: Path) -> None:
    write_files(tmp_path, ["pool/1", "data/ant/1", "data/bee/1"])
    for number in range(3):
        os.symlink(tmp_path / "pool" / "0.jpg", tmp_path / "data" / "ant" / f"link {number}.jpg")
        os.symlink(tmp_path / "data" / "bee" / "0.jpg", tmp_path / "data" / "bee" / f"link {number}.jpg")
    dataset = scan(tmp_path / "data")
    assert counts(dataset) == {"ant": 2, "bee": 1}
    assert not has_note(dataset, "Links")


@pytest.mark.usefixtures("symlinks")
@pytest.mark.parametrize(
    ("link", "first"), [("train/bee/l.jpg", "train/ant/0.jpg"), ("val/ant/l.jpg", "train/ant/0.jpg")]
)
def test_a_link_that_puts_an_image_into_two_classes_or_splits_is_noted(tmp_path: Path, link: str, first: str) -> None:
    write_files(tmp_path, both("train", "val"))
    os.symlink(tmp_path / first, tmp_path / link)
    dataset = scan(tmp_path)
    assert has_note(
        dataset, f"Links put an image into two classes or splits: '{link}' and '{first}' are the same file."
    )


def test_a_junction_is_followed_like_a_link(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_files(tmp_path, [*both("."), "ant/junction/ant/2", "ant/junction/bee/2"])
    real_path = os.path.realpath

    def resolve(path: str, **options: bool) -> str:
        # Windows resolves junctions, which `os.path.islink` does not know
        return real_path(str(path).replace(os.path.join("ant", "junction"), ""), **options)

    monkeypatch.setattr(os.path, "realpath", resolve)
    monkeypatch.setattr(walk, "_may_be_link", lambda _: True)
    dataset = scan(tmp_path)
    assert counts(dataset) == {"ant": 2, "bee": 2}
    assert has_note(dataset, "The link 'ant/junction' is skipped")


@pytest.mark.usefixtures("symlinks")
def test_a_link_that_leads_nowhere_is_listed_as_an_image(tmp_path: Path) -> None:
    write_files(tmp_path, both("."))
    os.symlink(tmp_path / "missing.jpg", tmp_path / "ant" / "broken.jpg")
    os.symlink(tmp_path / "ant" / "self", tmp_path / "ant" / "self")
    assert counts(scan(tmp_path)) == {"ant": 3, "bee": 2}


def test_files_that_systems_leave_behind_are_no_images_and_not_noted(tmp_path: Path) -> None:
    leftovers = ["._0.jpg", ".DS_Store", "Thumbs.db", "ehthumbs.db", "desktop.ini", "~$a.jpg", ":2e_a.jpg", "Icon\r"]
    leftovers += ["0.jpg:Zone.Identifier", "0.jpg@SynoEAStream"]
    if os.name == "nt":
        leftovers = [name for name in leftovers if ":" not in name and "\r" not in name]
    dataset = scan(write_files(tmp_path, [*both("."), *(f"ant/{name}" for name in leftovers)]))
    assert (counts(dataset), dataset.notes) == ({"ant": 2, "bee": 2}, ())


@pytest.mark.parametrize("name", SYSTEM_FOLDERS)
@pytest.mark.parametrize("parent", ["", "ant/"])
def test_a_folder_that_a_system_leaves_behind_is_skipped_and_noted_if_it_contains_images(
    tmp_path: Path, name: str, parent: str
) -> None:
    files = [*both("."), f"{parent}{name}/inner/"]
    assert scan(write_files(tmp_path, files)).notes == ()
    dataset = scan(write_files(tmp_path, [f"{parent}{name}/inner/2"]))
    assert dataset.notes == (f"The hidden or system folder '{parent}{name}' is skipped.",)
    assert counts(dataset) == {"ant": 2, "bee": 2}


@pytest.mark.parametrize("name", ["__class__", "_class", "__", "recycled", "runs", "@home", "#1", "~", "$"])
def test_other_names_are_ordinary_classes(tmp_path: Path, name: str) -> None:
    assert set(scan(write_files(tmp_path, ["bee/1", f"{name}/1"])).classes) == {"bee", name}


def test_images_are_recognised_by_suffixes_in_any_spelling(tmp_path: Path) -> None:
    names = ["a.JPG", "b.JPeG", "c.jpg.png", "d.tar.Webp", "e.b.c.TIFF", "__f.jpg", "_g.png"]
    if os.name != "nt":
        names += ["h.jpg "]
    others = ["i.jpg.txt", "j.jpg~", "k", "l.jpg.part", "jpg"]
    dataset = scan(write_files(tmp_path, ["bee/1", *(f"ant/{name}" for name in [*names, *others])]))
    assert counts(dataset) == {"ant": len(names), "bee": 1}
    assert "The files 'ant/jpg' and 'ant/k' are skipped: no suffix such as .jpg." in dataset.notes
    assert "3\N{NO-BREAK SPACE}other files skipped." in dataset.notes


@pytest.mark.skipif(os.name == "nt", reason="Windows does not allow these names")
@pytest.mark.parametrize(
    "name", ["line\nbreak", "tab\t", "x" * 255, "ü" * 127, "\u202eright", "\u200f", "a\\b", "*?", "-rf"]
)
def test_unusual_names_are_classes_whose_images_are_found(tmp_path: Path, name: str) -> None:
    dataset = scan(write_files(tmp_path, ["bee/1", f"{name}/2", f"{name}/{'y' * 251}.jpg"]))
    assert dict(sorted(counts(dataset).items()))[name.strip()] == 3
    assert all((tmp_path / sample.path).exists() for sample in dataset.samples)


def test_a_very_deep_folder_is_read_to_its_end_without_recursion(tmp_path: Path) -> None:
    write_files(tmp_path, ["ant/2", "bee/2", "bee/" + "d/" * 300 + "1"])
    limit = sys.getrecursionlimit()
    sys.setrecursionlimit(len(inspect.stack(0)) + 150)
    try:
        dataset = scan(tmp_path)
    finally:
        sys.setrecursionlimit(limit)
    assert counts(dataset) == {"ant": 2, "bee": 3}


def test_each_folder_is_listed_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_files(tmp_path, [*both("train", "val", "test"), "train/ant/more/2", "examples/2"])
    listed: Counter[str] = Counter()
    scandir = os.scandir
    monkeypatch.setattr(os, "scandir", lambda path: (listed.update([os.fspath(path)]), scandir(path))[1])
    scan(tmp_path)
    assert max(listed.values()) == 1


def test_images_of_a_folder_are_found_without_those_of_runs_inside(tmp_path: Path) -> None:
    files = ["a/1", "b/run/config.json", "b/run/events.jsonl", "b/run/history.png", "sorted/classifold-sort.jsonl"]
    write_files(tmp_path, [*files, "sorted/ant/1"])
    found = [path.relative_to(tmp_path).as_posix() for path in find_images(tmp_path)]
    assert found == ["a/0.jpg", "sorted/ant/0.jpg"]
    assert [path.name for path in find_images(tmp_path / "b" / "run")] == ["history.png"]


def test_a_walk_gives_the_number_of_images_so_far_after_each_folder(tmp_path: Path) -> None:
    write_files(tmp_path, ["ant/2", "bee/3"])
    assert list(walk_in_steps(str(tmp_path))) == [0, 2, 5]
    assert run_to_end(walk_in_steps(str(tmp_path))).top.num_images == 5


def test_a_folder_that_cannot_be_read_is_noted_and_the_data_folder_itself_is_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_files(tmp_path, ["ant/2", "ant/private/1", "bee/2", "wasp/2"])
    locked = {os.path.join(tmp_path, "ant", "private"), os.path.join(tmp_path, "wasp")}
    scandir = os.scandir

    def refuse(path: str) -> object:
        if os.fspath(path) in locked:
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refuse)
    dataset = scan(tmp_path)
    assert counts(dataset) == {"ant": 2, "bee": 2}
    assert "The folders 'ant/private' and 'wasp' cannot be read." in dataset.notes
    assert tmp_path / "wasp" in find_images(tmp_path)
    locked.add(str(tmp_path))
    with pytest.raises(EngineError, match="This folder cannot be read: Permission denied"):
        scan(tmp_path)
