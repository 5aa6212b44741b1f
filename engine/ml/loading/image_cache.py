"""Cache of decoded images as rows of bytes, so that later epochs read no image files.

Rows are kept on the GPU or in memory if they fit the budget, otherwise in a memory-mapped file in the cache folder. If
there is no space for the file either, nothing is cached and every epoch decodes the images again.
"""

import logging
import os
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Literal, TypeAlias

import torch
from torch import Tensor

from engine.core.atomic_write import write_atomic
from engine.core.cache import cache_folder, reserve_space
from engine.core.path_text import path_from_text
from engine.core.seeds import stable_seed
from engine.data.dataset import Sample

logger = logging.getLogger(__name__)

MEMORY_BUDGET = 2 * 1024**3
"""Bytes of rows that one cache keeps in memory."""
GPU_FRACTION = 0.3
"""Fraction of a GPU's free memory that rows may take."""
_CHUNK_BYTES = 16 * 1024**2

Storage: TypeAlias = Literal["gpu", "memory", "file", "none"]


class ImageCache:
    """One uint8 row of a fixed shape for each sample, filled on first access. Safe for use by several threads."""

    def __init__(
        self,
        root: Path,
        samples: Sequence[Sample],
        shape: tuple[int, ...],
        name: str,
        device: torch.device,
        memory_budget: int = MEMORY_BUDGET,
    ) -> None:
        """Choose the storage and allocate it.

        Args:
            root: Folder that the paths of `samples` are relative to.
            samples: The samples that will be requested.
            shape: Shape of a row.
            name: Everything else that rows depend on, such as the preprocessing. It is part of the file's identity.
            device: Rows are kept there if it is a GPU with enough free memory.
            memory_budget: Bytes that rows may take in memory.
        """
        self._positions = {sample.path: position for position, sample in enumerate(samples)}
        self._lock = threading.Lock()
        num_bytes = len(samples) * torch.Size(shape).numel()
        self._aspects = torch.zeros(len(samples))
        """Width over height of each image; 0 if its row has not been filled yet."""
        self._has_unsaved_rows = False
        self._rows: Tensor | None = None
        self.storage: Storage = _choose_storage(num_bytes, memory_budget, device)
        if self.storage == "file":
            self._open_file(root, samples, shape, name, num_bytes)
        elif self.storage != "none":
            row_device = device if self.storage == "gpu" else torch.device("cpu")
            # The system allocates memory when a row is written, not here
            self._rows = torch.empty((len(samples), *shape), dtype=torch.uint8, device=row_device)

    def get(self, sample: Sample, make: Callable[[], tuple[Tensor, float]]) -> tuple[Tensor, float]:
        """Return row and aspect ratio (width over height) of a sample; on a miss they are computed by `make`."""
        position = self._positions[sample.path]
        aspect = float(self._aspects[position])
        if self._rows is not None and aspect > 0:
            return self._rows[position], aspect
        row, aspect = make()
        if self._rows is not None:
            self._rows[position].copy_(row)
            with self._lock:
                self._aspects[position] = aspect  # set last, because it marks the row as filled
                self._has_unsaved_rows = True
            row = self._rows[position]
        return row, aspect

    def save(self) -> None:
        """Flush a file cache to the disk, then record which rows are filled, so that the next run can use them."""
        with self._lock:
            if self.storage != "file" or not self._has_unsaved_rows:
                return
            self._has_unsaved_rows = False
            aspects = self._aspects.numpy().tobytes()
        try:
            with open(self._path, "rb+") as rows:
                os.fsync(rows.fileno())
            write_atomic(_aspects_path(self._path), lambda temporary: temporary.write_bytes(aspects))
        except OSError as error:
            logger.warning("Decoded images could not be saved for the next run: %s", error)

    def _open_file(
        self, root: Path, samples: Sequence[Sample], shape: tuple[int, ...], name: str, num_bytes: int
    ) -> None:
        """Map the file for these samples. Its name depends on size and modification time of every image."""
        identity = stable_seed(name, *(f"{s.path} {_stamp(root / s.path)}" for s in samples))
        try:
            self._path = cache_folder() / f"images-{identity:x}.rows"
            reserve_space(num_bytes)
            _reserve(self._path, num_bytes)
            rows = torch.from_file(str(self._path), shared=True, size=num_bytes, dtype=torch.uint8)
            self._rows = rows.view(len(samples), *shape)
            self._aspects = _read_aspects(self._path, len(samples))
        except (OSError, RuntimeError) as error:
            logger.warning("Decoded images are not cached: %s", error)
            self._rows, self.storage = None, "none"


def _choose_storage(num_bytes: int, memory_budget: int, device: torch.device) -> Storage:
    if device.type == "cuda" and num_bytes <= GPU_FRACTION * torch.cuda.mem_get_info(device)[0]:
        return "gpu"
    if num_bytes <= memory_budget:
        return "memory"
    return "file" if reserve_space(num_bytes) else "none"


def _reserve(path: Path, num_bytes: int) -> None:
    """Allocate the whole file now: writing to a mapped file on a full disk would kill the program with SIGBUS."""
    if path.is_file() and path.stat().st_size == num_bytes:
        return
    _aspects_path(path).unlink(missing_ok=True)
    # Replaced as a whole, because another window may have mapped the old file
    write_atomic(path, lambda temporary: _fill(temporary, num_bytes))


def _fill(path: Path, num_bytes: int) -> None:
    with open(path, "wb") as file:
        if hasattr(os, "posix_fallocate"):
            os.posix_fallocate(file.fileno(), 0, num_bytes)
        else:
            for start in range(0, num_bytes, _CHUNK_BYTES):
                file.write(bytes(min(_CHUNK_BYTES, num_bytes - start)))


def _aspects_path(path: Path) -> Path:
    return path.with_suffix(".known")


def _read_aspects(path: Path, num_rows: int) -> Tensor:
    """Return the aspect ratio of each filled row, and 0 for the others."""
    try:
        content = bytearray(_aspects_path(path).read_bytes())
    except FileNotFoundError:
        content = bytearray()
    aspects = torch.frombuffer(content, dtype=torch.float32) if len(content) == 4 * num_rows else torch.zeros(num_rows)
    return aspects.clone()


def _stamp(path: Path) -> str:
    try:
        status = path_from_text(path).stat()
    except OSError:
        return "gone"
    return f"{status.st_size} {status.st_mtime_ns}"
