"""Tests of the relation of paths to folders."""

import os
from pathlib import Path, PurePath, PurePosixPath, PureWindowsPath

import pytest

from engine.core.paths import folder_name, path_below


def test_a_folder_whose_name_only_begins_alike_does_not_contain_a_path(tmp_path: Path) -> None:
    assert path_below(tmp_path / "set2" / "a.jpg", tmp_path / "set") is None
    assert path_below(tmp_path / "set" / "a.jpg", tmp_path / "set") == Path("a.jpg")
    assert path_below(tmp_path / "set" / ".." / "a.jpg", tmp_path / "set") is None


def test_the_root_of_a_drive_contains_its_files() -> None:
    root = Path(os.path.abspath(os.sep))
    assert path_below(root / "photos" / "a.jpg", root) == Path("photos", "a.jpg")


@pytest.mark.usefixtures("symlinks")
def test_a_folder_contains_what_is_reached_through_a_link_to_it(tmp_path: Path) -> None:
    (tmp_path / "data" / "ant").mkdir(parents=True)
    os.symlink(tmp_path / "data", tmp_path / "link")
    assert path_below(tmp_path / "link" / "ant" / "a.jpg", tmp_path / "data") == Path("ant", "a.jpg")


def test_spelling_does_not_matter_where_the_file_system_ignores_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def is_same(path: Path, other: Path) -> bool:
        return str(path).casefold() == str(other).casefold()

    monkeypatch.setattr(os.path, "samefile", is_same)
    assert path_below(tmp_path / "DATA" / "Ant" / "A.jpg", tmp_path / "data") == Path("Ant", "A.jpg")
    assert path_below(tmp_path / "data2" / "a.jpg", tmp_path / "data") is None


@pytest.mark.parametrize(
    ("folder", "name"),
    [
        (PurePosixPath("/data/flowers"), "flowers"),
        (PurePosixPath("/"), "drive"),
        (PureWindowsPath("C:\\"), "C"),
        (PureWindowsPath("C:\\photos"), "photos"),
        (PureWindowsPath("\\\\server\\share\\"), "share"),
        (PureWindowsPath("\\\\?\\D:\\"), "D"),
    ],
)
def test_the_root_of_a_drive_has_a_name(folder: PurePath, name: str) -> None:
    assert folder_name(folder) == name
