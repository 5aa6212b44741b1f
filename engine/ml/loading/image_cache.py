"""Decoded pictures kept as rows of bytes, so that later epochs read no image file.

Rows lie on the GPU or in memory where they fit the budget, else in a file that the system pages in and out, else
nowhere: then each epoch decodes anew.
"""

import logging
import os
import threading
from collections.abc import Callable, Sequence
from pathlib import Path

import torch
from torch import Tensor

from engine.core.atomic_write import write_atomic
from engine.core.cache import cache_folder, make_room
from engine.core.path_text import path_from_text
from engine.core.seeds import stable_seed
from engine.data.dataset import Sample

logger = logging.getLogger(__name__)

MEMORY_BUDGET = 2 * 1024**3
"""Bytes of rows that one store keeps in memory."""
_CHUNK_BYTES = 16 * 1024**2
GPU_SHARE = 0.3
"""Share of a GPU's free memory that rows may take."""


class ImageCache:
    """Rows of uint8 of one shape, one a sample, made at the first time of asking; threads may ask at once."""

    def __init__(
        self,
        root: Path,
        samples: Sequence[Sample],
        shape: tuple[int, ...],
        name: str,
        device: torch.device,
        memory_budget: int = MEMORY_BUDGET,
    ) -> None:
        """Make room; `name` says what else rows depend on, such as how a picture becomes one."""
        self._positions = {sample.path: position for position, sample in enumerate(samples)}
        self._lock = threading.Lock()
        num_bytes = len(samples) * torch.Size(shape).numel()
        self._aspects = torch.zeros(len(samples))
        self._has_news = False
        self._rows: Tensor | None = None
        self.place = _choose_place(num_bytes, memory_budget, device)
        if self.place == "file":
            self._open_files(root, samples, shape, name, num_bytes)
        elif self.place != "nowhere":
            where = device if self.place == "gpu" else torch.device("cpu")
            # Memory is taken by the system when a row is written, not here
            self._rows = torch.empty((len(samples), *shape), dtype=torch.uint8, device=where)

    def get(self, sample: Sample, make: Callable[[], tuple[Tensor, float]]) -> tuple[Tensor, float]:
        """Return row and aspect (width over height) of a sample, made by `make` where they are not there."""
        position = self._positions[sample.path]
        aspect = float(self._aspects[position])
        if self._rows is not None and aspect > 0:
            return self._rows[position], aspect
        row, aspect = make()
        if self._rows is not None:
            self._rows[position].copy_(row)
            with self._lock:
                self._aspects[position] = aspect  # last: it says that the row is whole
                self._has_news = True
            row = self._rows[position]
        return row, aspect

    def keep(self) -> None:
        """Let the rows in a file outlast this run: which of them are whole is written once they are on the disk."""
        with self._lock:
            if self.place != "file" or not self._has_news:
                return
            self._has_news = False
            known = self._aspects.numpy().tobytes()
        try:
            with open(self._path, "rb+") as rows:
                os.fsync(rows.fileno())
            write_atomic(_known_path(self._path), lambda temporary: temporary.write_bytes(known))
        except OSError as error:
            logger.warning("Pictures are not kept for the next run: %s", error)

    def _open_files(
        self, root: Path, samples: Sequence[Sample], shape: tuple[int, ...], name: str, num_bytes: int
    ) -> None:
        """Map a file whose name stands for the pictures themselves: when one changes, so does the name."""
        identity = stable_seed(name, *(f"{s.path} {_stamp(root / s.path)}" for s in samples))
        try:
            self._path = cache_folder() / f"pictures-{identity:x}.rows"
            make_room(num_bytes)
            _reserve(self._path, num_bytes)
            rows = torch.from_file(str(self._path), shared=True, size=num_bytes, dtype=torch.uint8)
            self._rows = rows.view(len(samples), *shape)
            self._aspects = _read_known(self._path, len(samples))
        except (OSError, RuntimeError) as error:
            logger.warning("Pictures are not kept: %s", error)
            self._rows, self.place = None, "nowhere"


def _choose_place(num_bytes: int, memory_budget: int, device: torch.device) -> str:
    if device.type == "cuda" and num_bytes <= GPU_SHARE * torch.cuda.mem_get_info(device)[0]:
        return "gpu"
    if num_bytes <= memory_budget:
        return "memory"
    return "file" if make_room(num_bytes) else "nowhere"


def _reserve(path: Path, num_bytes: int) -> None:
    """Take the disk for a file now: a mapped file that finds it full later takes the whole program down."""
    if path.is_file() and path.stat().st_size == num_bytes:
        return
    _known_path(path).unlink(missing_ok=True)
    # Put in place whole, for another window may have mapped what lies there
    write_atomic(path, lambda temporary: _fill(temporary, num_bytes))


def _fill(path: Path, num_bytes: int) -> None:
    with open(path, "wb") as file:
        if hasattr(os, "posix_fallocate"):
            os.posix_fallocate(file.fileno(), 0, num_bytes)
        else:
            for start in range(0, num_bytes, _CHUNK_BYTES):
                file.write(bytes(min(_CHUNK_BYTES, num_bytes - start)))


def _known_path(path: Path) -> Path:
    return path.with_suffix(".known")


def _read_known(path: Path, num_rows: int) -> Tensor:
    """Return the aspect of each row that is whole, 0 of the others."""
    try:
        content = bytearray(_known_path(path).read_bytes())
    except FileNotFoundError:
        content = bytearray()
    known = torch.frombuffer(content, dtype=torch.float32) if len(content) == 4 * num_rows else torch.zeros(num_rows)
    return known.clone()


def _stamp(path: Path) -> str:
    try:
        status = path_from_text(path).stat()
    except OSError:
        return "gone"
    return f"{status.st_size} {status.st_mtime_ns}"
