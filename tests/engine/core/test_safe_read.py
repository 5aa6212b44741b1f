"""Tests of engine.core.safe_read."""

import os
from pathlib import Path

import pytest

from engine.core.safe_read import MOST_HEADER, check_plain, check_relative_path, read_header, read_text


@pytest.mark.parametrize("path", ["ant/1.jpg", "a b/ü.png", "1.jpg", "..a/b..", "a/.../b", "-x", "~/x"])
def test_a_path_below_its_folder_is_returned(path: str) -> None:
    assert check_relative_path(path) == path


@pytest.mark.parametrize("path", ["", "..", "../x", "a/../x", "a/..", "/x", "//x", "a\0b"])
def test_a_path_that_leads_out_of_its_folder_is_refused(path: str) -> None:
    with pytest.raises(ValueError, match="leads out"):
        check_relative_path(path)


def test_a_text_is_read_up_to_its_limit(tmp_path: Path) -> None:
    (tmp_path / "text").write_text("ä" * 50, encoding="utf-8")
    assert read_text(tmp_path / "text", most=100) == "ä" * 50
    with pytest.raises(OSError, match="larger than"):
        read_text(tmp_path / "text", most=99)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no pipes with names here")
def test_only_plain_files_and_links_to_them_are_read(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "text").write_text("words")
    (tmp_path / "link").symlink_to(tmp_path / "text")
    check_plain(tmp_path / "link")
    assert read_text(tmp_path / "link") == "words"
    for path in (tmp_path / "pipe", tmp_path, Path("/dev/zero")):
        for read in (check_plain, read_text, read_header):
            with pytest.raises(OSError, match="not a plain file"):
                read(path)


@pytest.mark.parametrize("length", [0, 1, 11, MOST_HEADER + 1, 2**63, 2**64 - 1])
def test_a_header_that_cannot_be_is_refused(tmp_path: Path, length: int) -> None:
    (tmp_path / "file").write_bytes(length.to_bytes(8, "little") + b"0123456789")
    with pytest.raises(ValueError, match="no safetensors header"):
        read_header(tmp_path / "file")
    (tmp_path / "file").write_bytes((4).to_bytes(8, "little") + b"0123456789")
    assert read_header(tmp_path / "file") == b"0123"
