"""Tests of the validation of relative paths."""

import os

import pytest

from engine.core.path_text import path_to_text
from engine.core.relative_path import check_relative_path


@pytest.mark.parametrize("path", ["ant/1.jpg", "a b/ü.png", "1.jpg", "..a/b..", "a/.../b", "-x", "~/x", "ant/C:x"])
def test_a_path_below_its_folder_is_accepted(path: str) -> None:
    assert check_relative_path(path) == path


@pytest.mark.parametrize(
    "path", ["", "..", "../x", "a/../x", "a/..", "/x", "//x", "a\0b", "C:\\x.png", "C:x.png", "red\\..\\x", "\\x.png"]
)
def test_a_path_that_leaves_its_folder_on_any_system_is_rejected(path: str) -> None:
    with pytest.raises(ValueError, match="leads out"):
        check_relative_path(path)


@pytest.mark.skipif(os.name == "nt", reason="names are text on Windows")
def test_a_folder_name_that_is_not_utf8_is_accepted() -> None:
    path = path_to_text(os.fsdecode(b"\xe9t\xe9/1.jpg"))
    assert path == "\\xe9t\\xe9/1.jpg"
    assert check_relative_path(path) == path
