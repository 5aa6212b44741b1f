"""Tests that hostile image files are decoded correctly or rejected with an error, in bounded memory."""

import os
import stat
from pathlib import Path

import numpy as np
import pytest

from engine.audit.fingerprint import fingerprint
from engine.core.errors import EngineError
from engine.core.path_text import path_to_text
from engine.data.decode import decode, thumbnail
from tests.hostile_images import Expected, write_readable, write_unreadable

pytestmark = pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no named pipes")


@pytest.fixture(scope="module")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Expected], list[str]]:
    folder = tmp_path_factory.mktemp("hostile")
    return folder, write_readable(folder), write_unreadable(folder)


def _wrong_colours(pixels: np.ndarray, expected: Expected) -> str | None:
    height, width, _ = pixels.shape
    halves = pixels[height // 2, width // 4], pixels[height // 2, width * 3 // 4]
    far = max(
        int(np.abs(half.astype(int) - colour).max()) for half, colour in zip(halves, (expected.left, expected.right))
    )
    return None if far <= 12 else f"{halves[0]} {halves[1]}"


def test_each_readable_file_is_decoded_correctly(hostile: tuple[Path, dict[str, Expected], list[str]]) -> None:
    folder, readable, _ = hostile
    wrong = {}
    for name, expected in readable.items():
        pixels = decode(folder / name)
        if pixels.shape[1::-1] != expected.size or _wrong_colours(pixels, expected):
            wrong[name] = (pixels.shape, _wrong_colours(pixels, expected))
    assert not wrong


def test_each_readable_file_is_decoded_correctly_at_reduced_size(
    hostile: tuple[Path, dict[str, Expected], list[str]],
) -> None:
    folder, readable, _ = hostile
    for name, expected in readable.items():
        pixels = decode(folder / name, min_side=16)
        assert min(pixels.shape[:2]) >= min(16, *expected.size), name
        assert not _wrong_colours(pixels, expected), name
        assert thumbnail(folder / name, 8).shape == (8, 8, 3)
        assert int(fingerprint(folder / name)["width"]) == expected.size[0], name


def test_each_unreadable_file_raises_an_error_with_its_path(
    hostile: tuple[Path, dict[str, Expected], list[str]],
) -> None:
    folder, _, unreadable = hostile
    for name in unreadable:
        for read in (decode, lambda path: decode(path, 16), fingerprint):
            with pytest.raises(EngineError) as caught:
                read(folder / name)
            assert caught.value.path == folder / name
            assert caught.value.message.endswith("."), name


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("truncated.png", "incomplete"),
        ("zero.jpg", "empty"),
        ("text.jpg", "damaged or not in a supported"),
        ("postscript.jpg", "damaged or not in a supported"),
        ("bomb.png", "more than 200 million pixels"),
        ("bomb.ico", "more than 200 million pixels"),
        ("bomb.tif", "its tiles have 40000 x 40000 pixels"),
        ("bomb.webp", "more than 200 million pixels"),
        ("slow.ppm", "too large for its file format"),
        ("scans.jpg", "too many parts"),
        ("comments.jpg", "too many parts"),
        ("loop-a.jpg", "points to itself"),
        ("nowhere.jpg", "points to a missing file"),
        ("endless.jpg", "a pipe or a device"),
        ("pipe.jpg", "a pipe or a device"),
        ("socket.jpg", "a pipe or a device"),
    ],
)
def test_the_error_names_the_problem(
    hostile: tuple[Path, dict[str, Expected], list[str]], name: str, sentence: str
) -> None:
    with pytest.raises(EngineError, match=sentence):
        decode(hostile[0] / name)


def test_a_file_whose_name_is_not_utf8_is_found_by_its_path_text(
    hostile: tuple[Path, dict[str, Expected], list[str]],
) -> None:
    folder = hostile[0]
    for name, text in (
        (b"no text \xff\xe9.jpg", r"no text \xff\xe9.jpg"),
        (rb"back\xe9slash.jpg", r"back\x5cxe9slash.jpg"),
    ):
        assert path_to_text(os.fsdecode(name)) == text
        assert np.array_equal(decode(folder / text), decode(folder / os.fsdecode(name)))


def test_postscript_never_starts_ghostscript(
    hostile: tuple[Path, dict[str, Expected], list[str]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ghostscript = tmp_path / "gs"
    ghostscript.write_text(f"#!/bin/sh\ntouch {tmp_path / 'ran'}\n")
    ghostscript.chmod(stat.S_IRWXU)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    monkeypatch.setattr("PIL.EpsImagePlugin.gs_binary", None)  # as if Pillow had not searched for it yet
    with pytest.raises(EngineError):
        decode(hostile[0] / "postscript.jpg")
    assert not (tmp_path / "ran").exists()
