"""Tests of the validation of relative paths."""

import os
from pathlib import Path

import pytest

from engine.core.path_text import decode_path_text, path_to_text
from engine.core.relative_path import check_relative_path, relative_path_to_text


@pytest.mark.parametrize("path", ["ant/1.jpg", "a b/ü.png", "1.jpg", "..a/b..", "a/.../b", "-x", "~/x", "ant/C:x"])
def test_a_path_below_its_folder_is_accepted(path: str) -> None:
    assert check_relative_path(path) == path


@pytest.mark.parametrize(
    "path", ["", "..", "../x", "a/../x", "a/..", "/x", "//x", "a\0b", "C:\\x.png", "C:x.png", "red\\..\\x", "\\x.png"]
)
def test_a_path_that_leaves_its_folder_on_any_system_is_rejected(path: str) -> None:
    with pytest.raises(ValueError, match="leads out"):
        check_relative_path(path)


@pytest.mark.skipif(os.name == "nt", reason="these names are not possible on Windows")
@pytest.mark.parametrize(
    "path",
    [
        "B: benign/1.jpg",
        "9:30.jpg",
        "é:x/\udcff.jpg",
        "\\x.jpg",
        "a\\b.jpg",
        "..\\x.jpg",
        "C:\\x3a",
        "a/b:c.jpg",
        "x:\\x5cx41",
    ],
)
def test_a_name_that_looks_like_a_drive_has_a_text_that_is_accepted_and_converted_back(path: str) -> None:
    text = relative_path_to_text(path)
    assert check_relative_path(text) == text
    assert decode_path_text(Path(text)) == Path(path)


@pytest.mark.skipif(os.name == "nt", reason="names are text on Windows")
def test_a_folder_name_that_is_not_utf8_is_accepted() -> None:
    path = path_to_text(os.fsdecode(b"\xe9t\xe9/1.jpg"))
    assert path == "\\xe9t\\xe9/1.jpg"
    assert check_relative_path(path) == path
