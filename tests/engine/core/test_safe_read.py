"""Tests of bounded reading of untrusted files."""

import os
from pathlib import Path

import pytest

from engine.core.errors import EngineError
from engine.core.safe_read import (
    MAX_HEADER_BYTES,
    check_regular_file,
    open_image_file,
    read_safetensors_header,
    read_text,
)


def test_a_text_is_read_up_to_its_size_limit(tmp_path: Path) -> None:
    (tmp_path / "text").write_text("ä" * 50, encoding="utf-8")
    assert read_text(tmp_path / "text", max_bytes=100) == "ä" * 50
    with pytest.raises(OSError, match="larger than"):
        read_text(tmp_path / "text", max_bytes=99)


def test_a_byte_order_mark_is_no_part_of_the_text(tmp_path: Path) -> None:
    (tmp_path / "text").write_text("ä\r\n", encoding="utf-8-sig", newline="")
    assert read_text(tmp_path / "text") == "ä\r\n"
    (tmp_path / "text").write_text("", encoding="utf-8-sig")
    assert read_text(tmp_path / "text") == ""


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-32-le"])
@pytest.mark.parametrize("errors", ["strict", "replace"])
def test_text_in_utf16_is_named(tmp_path: Path, encoding: str, errors: str) -> None:
    (tmp_path / "text").write_text("{}", encoding)
    with pytest.raises(EngineError, match="Save it as UTF-8"):
        read_text(tmp_path / "text", errors=errors)


def test_a_file_of_zeros_that_a_power_failure_leaves_is_not_taken_for_utf16(tmp_path: Path) -> None:
    (tmp_path / "text").write_bytes(bytes(10))
    assert read_text(tmp_path / "text") == "\0" * 10


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no named pipes")
@pytest.mark.usefixtures("symlinks")
def test_only_regular_files_and_links_to_them_are_read(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "text").write_text("words")
    (tmp_path / "link").symlink_to(tmp_path / "text")
    check_regular_file(tmp_path / "link")
    assert read_text(tmp_path / "link") == "words"
    with open_image_file(tmp_path / "link") as file:
        assert file.read() == b"words"
    for path in (tmp_path / "pipe", tmp_path, Path("/dev/zero")):
        for read in (check_regular_file, read_text, read_safetensors_header):
            with pytest.raises(OSError, match="not a regular file"):
                read(path)
        with pytest.raises(EngineError, match="a folder, a pipe or a device"):
            open_image_file(path)


@pytest.mark.parametrize("length", [0, 1, 11, MAX_HEADER_BYTES + 1, 2**63, 2**64 - 1])
def test_a_header_with_an_impossible_length_is_rejected(tmp_path: Path, length: int) -> None:
    (tmp_path / "file").write_bytes(length.to_bytes(8, "little") + b"0123456789")
    with pytest.raises(ValueError, match="no safetensors header"):
        read_safetensors_header(tmp_path / "file")
    (tmp_path / "file").write_bytes((4).to_bytes(8, "little") + b"0123456789")
    assert read_safetensors_header(tmp_path / "file") == b"0123"
