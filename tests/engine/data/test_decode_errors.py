"""Tests of the sentences that explain why an image file could not be read."""

import errno
import os
import re
from pathlib import Path

import pytest
from PIL import Image

from engine.core.errors import EngineError
from engine.data.decode import decode, unreadable_reason
from tests.image_bytes import encode, two_halves

_DAMAGED = "This file is damaged or not in a supported image format."


@pytest.mark.parametrize(
    ("error", "sentence"),
    [
        (FileNotFoundError(errno.ENOENT, "No such file"), "This file does not exist."),
        (PermissionError(errno.EACCES, "Permission denied"), "You do not have permission to read this file."),
        (MemoryError(), "This image is too large for the memory of this computer."),
        (Image.DecompressionBombError("bomb"), "This image is too large: more than 200 million pixels."),
        (OSError(errno.ELOOP, "Too many links"), "This link points to itself."),
        (OSError("image file is truncated (3 bytes not processed)"), "This file is incomplete."),
        (OSError(errno.EIO, "Input/output error"), "This file cannot be read: Input/output error."),
        (OSError("cannot identify image file"), _DAMAGED),
        (ValueError("truncated"), _DAMAGED),
        (SyntaxError("broken"), _DAMAGED),
    ],
)
def test_each_exception_has_its_sentence(tmp_path: Path, error: Exception, sentence: str) -> None:
    path = tmp_path / "image.png"
    path.write_bytes(b"content")
    assert unreadable_reason(path, error) == sentence


def test_an_empty_file_has_its_own_sentence(tmp_path: Path) -> None:
    path = tmp_path / "image.png"
    path.touch()
    assert unreadable_reason(path, OSError("cannot identify image file")) == "This file is empty."
    path.write_bytes(b"x")
    assert unreadable_reason(path, OSError("cannot identify image file")) == _DAMAGED


def test_a_file_that_disappears_after_an_error_is_called_damaged(tmp_path: Path) -> None:
    assert unreadable_reason(tmp_path / "gone.png", ValueError()) == _DAMAGED


@pytest.mark.usefixtures("symlinks")
def test_a_link_to_a_missing_file_has_its_own_sentence(tmp_path: Path) -> None:
    (tmp_path / "link.png").symlink_to(tmp_path / "gone.png")
    with pytest.raises(EngineError, match=r"^This link points to a missing file\.$") as caught:
        decode(tmp_path / "link.png")
    assert caught.value.path == tmp_path / "link.png"


def test_an_image_too_large_for_memory_raises_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a.png"
    path.write_bytes(encode(two_halves(), "PNG"))

    def fail(*_: object) -> None:
        raise MemoryError

    monkeypatch.setattr("engine.data.decode.to_rgb", fail)
    with pytest.raises(EngineError, match="too large for the memory of this computer"):
        decode(path)


def test_a_missing_file_raises_an_error(tmp_path: Path) -> None:
    with pytest.raises(EngineError, match="does not exist"):
        decode(tmp_path / "gone.jpg")


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"", "This file is empty."),
        (b"this is text", _DAMAGED),
        (b"\xff\xd8\xff\xe0" + bytes(40), _DAMAGED),
    ],
)
def test_a_file_that_is_not_an_image_raises_an_error_with_its_path(
    tmp_path: Path, content: bytes, sentence: str
) -> None:
    path = tmp_path / "bad.jpg"
    path.write_bytes(content)
    with pytest.raises(EngineError, match=f"^{re.escape(sentence)}$") as caught:
        decode(path)
    assert caught.value.path == path


@pytest.mark.parametrize("failure", [errno.ENOTCONN, errno.ESTALE, errno.EIO])
def test_a_disconnected_drive_raises_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, failure: int) -> None:
    path = tmp_path / "photo.png"
    path.write_bytes(encode(two_halves(), "PNG"))
    real = os.stat

    def stat(requested: object, *arguments: object, **options: object) -> os.stat_result:
        if str(requested) == str(path):
            raise OSError(failure, os.strerror(failure))
        return real(requested, *arguments, **options)  # type: ignore[call-overload]

    monkeypatch.setattr(os, "stat", stat)
    with pytest.raises(EngineError, match=f"This file cannot be read: {os.strerror(failure)}"):
        decode(path)
