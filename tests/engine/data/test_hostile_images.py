"""Tests that hostile image files are decoded correctly or rejected with an error, in bounded memory."""

import os
import stat
from contextlib import AbstractContextManager
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from engine.audit.fingerprint import fingerprint
from engine.core.errors import EngineError
from engine.core.path_text import path_to_text
from engine.core.threads import WeightedSemaphore
from engine.data.decode import decode, thumbnail
from tests.hostile_images import Expected, write_readable, write_unreadable
from tests.image_bytes import encode, two_halves

pytestmark = pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no named pipes")


@pytest.fixture(scope="module")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Expected], list[str]]:
    folder = tmp_path_factory.mktemp("hostile")
    return folder, write_readable(folder), write_unreadable(folder)


def _wrong(pixels: np.ndarray, shown: Expected) -> str | None:
    height, width, _ = pixels.shape
    halves = pixels[height // 2, width // 4], pixels[height // 2, width * 3 // 4]
    far = max(int(np.abs(half.astype(int) - colour).max()) for half, colour in zip(halves, (shown.left, shown.right)))
    return None if far <= 12 else f"{halves[0]} {halves[1]}"


def test_each_readable_file_is_decoded_correctly(hostile: tuple[Path, dict[str, Expected], list[str]]) -> None:
    folder, readable, _ = hostile
    wrong = {}
    for name, shown in readable.items():
        pixels = decode(folder / name)
        if pixels.shape[1::-1] != shown.size or _wrong(pixels, shown):
            wrong[name] = (pixels.shape, _wrong(pixels, shown))
    assert not wrong


def test_each_readable_file_is_decoded_correctly_at_reduced_size(
    hostile: tuple[Path, dict[str, Expected], list[str]],
) -> None:
    folder, readable, _ = hostile
    for name, shown in readable.items():
        pixels = decode(folder / name, min_side=16)
        assert min(pixels.shape[:2]) >= min(16, *shown.size), name
        assert not _wrong(pixels, shown), name
        assert thumbnail(folder / name, 8).shape == (8, 8, 3)
        assert int(fingerprint(folder / name)["width"]) == shown.size[0], name


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


def test_an_image_too_large_for_memory_raises_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a.png"
    path.write_bytes(encode(two_halves(), "PNG"))

    def fail(*_: object) -> None:
        raise MemoryError

    monkeypatch.setattr("engine.data.decode._to_rgb", fail)
    with pytest.raises(EngineError, match="too large for the memory of this computer"):
        decode(path)


class _RecordingSemaphore(WeightedSemaphore):
    def __init__(self) -> None:
        super().__init__(10**12)
        self.requests: list[int] = []

    def acquire_units(self, amount: int) -> AbstractContextManager[None]:
        self.requests.append(amount)
        return super().acquire_units(amount)


def test_each_image_reserves_the_memory_that_its_format_needs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    memory = _RecordingSemaphore()
    monkeypatch.setattr("engine.data.decode._memory", memory)
    monkeypatch.setattr("engine.data.decode._LARGE_PIXELS", 1000)
    for kind, options in (("PNG", {}), ("WEBP", {}), ("JPEG", {}), ("JPEG", {"progressive": True})):
        (tmp_path / "a.jpg").write_bytes(encode(two_halves((400, 400)), kind, **options))
        decode(tmp_path / "a.jpg", min_side=50)
    # Only a JPEG with a single scan is decoded at reduced size without buffering the whole image
    assert memory.requests == [160_000 * 10, 160_000 * 16, 10_000 * 10, 160_000 * 10]


def test_a_large_image_is_reduced_in_strips_without_seams(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    across = np.linspace(0, 255, 300, dtype=np.uint8)
    grey = np.add.outer(across[:200] // 2, across // 2)
    for suffix, values in ((".png", grey), (".tif", grey.astype(np.uint16) * 257), (".tiff", grey / np.float32(255))):
        Image.fromarray(values).save(tmp_path / f"a{suffix}")
        whole = decode(tmp_path / f"a{suffix}")
        with monkeypatch.context() as patch:
            patch.setattr("engine.data.decode._STRIP_PIXELS", 3000)
            assert np.array_equal(decode(tmp_path / f"a{suffix}"), whole)
            patch.setattr("engine.data.decode._LARGE_PIXELS", 1000)
            reduced = decode(tmp_path / f"a{suffix}", min_side=20)
        assert reduced.shape == (40, 60, 3)
        assert np.abs(reduced.astype(int) - whole.reshape(40, 5, 60, 5, 3).mean((1, 3))).max() <= 1
