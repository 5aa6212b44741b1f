"""A simulated disk that refuses the n-th write, sync or rename, once or from then on."""

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

import pytest

from engine.ml.training import checkpoint_file


class FailingDisk:
    """Records the requests to the disk and refuses a range of them.

    Args:
        first: Number of the first request that is refused, counted from 0; None refuses none.
        last: Number of the last request that is refused.
        error: Error number of the refusals.
    """

    def __init__(self, first: int | None = None, last: int = 2**31, error: int = errno.ENOSPC) -> None:
        self.requests: list[str] = []
        self._first, self._last, self._error = first, last, error

    def refuses(self, request: str) -> bool:
        """Record a request and return whether it must fail."""
        self.requests.append(request)
        return self._first is not None and self._first <= len(self.requests) - 1 <= self._last

    def make_error(self) -> OSError:
        """Return the error that the operating system would raise."""
        return OSError(self._error, os.strerror(self._error))


@contextmanager
def use_disk(disk: FailingDisk) -> Iterator[FailingDisk]:
    """Send every write, sync and rename of the program through `disk`; a refused write leaves half its bytes."""
    real_bytes, real_write, real_sync, real_replace = Path.write_bytes, os.write, os.fsync, os.replace

    def write_bytes(path: Path, content: bytes) -> int:
        if disk.refuses(f"write {_kind(path)}"):
            real_bytes(path, bytes(content)[: len(content) // 2])
            raise disk.make_error()
        return real_bytes(path, content)

    def open_checkpoint(path: Path, mode: str) -> BinaryIO:
        if mode == "wb" and disk.refuses(f"write {_kind(path)}"):
            real_bytes(path, b"half")
            raise disk.make_error()
        return open(path, mode)  # type: ignore[return-value]

    def write_text(path: Path, text: str, encoding: str | None = None) -> int:
        return write_bytes(path, text.encode(encoding or "utf-8"))

    def write(descriptor: int, content: bytes) -> int:
        if disk.refuses("write line"):
            return real_write(descriptor, content[: len(content) // 2])
        return real_write(descriptor, content)

    def sync(descriptor: int) -> None:
        if disk.refuses(f"sync {_kind_of_descriptor(descriptor)}"):
            raise disk.make_error()
        real_sync(descriptor)

    def replace(source: Path, target: Path) -> None:
        if disk.refuses(f"rename {_kind(Path(target))}"):
            raise disk.make_error()
        real_replace(source, target)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Path, "write_bytes", write_bytes)
        patch.setattr(Path, "write_text", write_text)
        patch.setattr(checkpoint_file, "open", open_checkpoint, raising=False)
        patch.setattr(os, "write", write)
        patch.setattr(os, "fsync", sync)
        patch.setattr(os, "replace", replace)
        yield disk


def _kind(path: Path) -> str:
    """Return the name of a file without the variable part of temporary and cached files."""
    return path.name.lstrip(".").split("-")[0].removesuffix(path.suffix) + path.suffix


def _kind_of_descriptor(descriptor: int) -> str:
    if not Path("/proc/self/fd").is_dir():
        return "something"
    path = Path(os.readlink(f"/proc/self/fd/{descriptor}"))
    return "folder" if path.is_dir() else _kind(path)
