"""Tests of the rules about file names."""

from pathlib import Path

import pytest

from engine.core.file_names import is_hidden, is_image_name, unique_path


def test_a_path_that_exists_gets_the_next_free_number(tmp_path: Path) -> None:
    assert unique_path(tmp_path / "run") == tmp_path / "run"
    (tmp_path / "run").mkdir()
    (tmp_path / "run-2").mkdir()
    assert unique_path(tmp_path / "run") == tmp_path / "run-3"


@pytest.mark.parametrize("name", ["a.jpg", "B.JPEG", "c.HeIc", "d.webp", "ü 测试.png"])
def test_image_suffixes_are_recognised_in_upper_and_lower_case(name: str) -> None:
    assert is_image_name(name)


@pytest.mark.parametrize("name", [".a.jpg", "a.txt", "jpg", "a.jpg.part", "Thumbs.db"])
def test_other_and_hidden_files_are_not_images(name: str) -> None:
    assert not is_image_name(name)


@pytest.mark.parametrize("name", [".git", "__MACOSX", ".ipynb_checkpoints", "Thumbs.db", "desktop.ini"])
def test_files_that_systems_and_tools_leave_behind_are_hidden(name: str) -> None:
    assert is_hidden(name)
