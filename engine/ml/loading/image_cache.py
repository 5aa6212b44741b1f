"""Cache of decoded images as rows of bytes, so that later epochs read no image files.

Rows are kept on the GPU or in memory if they fit the budget, otherwise in a memory-mapped file in the cache folder. If
there is no space for the file either, nothing is cached and every epoch decodes the images again.
"""

import logging
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Literal, TypeAlias

import torch
from torch import Tensor

from engine.core.cache import cache_folder
from engine.core.file_key import FileKey, file_key
from engine.core.seeds import stable_seed
from engine.data.dataset import Sample
from engine.ml.loading.row_file import RowFile

logger = logging.getLogger(__name__)

MEMORY_BUDGET = 2 * 1024**3
"""Bytes of rows that one cache keeps in memory."""
GPU_FRACTION = 0.3
"""Fraction of a GPU's free memory that rows may take."""

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
        self._file: RowFile | None = None
        self.storage: Storage = _choose_storage(num_bytes, memory_budget, device)
        if self.storage == "file":
            self._open_file(root, samples, shape, name)
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
        """Flush a file cache to the disk and record which rows are filled; use those that other processes recorded."""
        with self._lock:
            if self._file is None or not self._has_unsaved_rows:
                return
            self._has_unsaved_rows = False
            aspects = self._aspects.numpy().copy()
        try:
            self._file.publish(aspects)
        except OSError as error:
            logger.warning("Decoded images could not be saved for the next run: %s", error)
            return
        others = torch.from_numpy(self._file.read_aspects())
        with self._lock:
            torch.where(self._aspects > 0, self._aspects, others, out=self._aspects)

    def _open_file(self, root: Path, samples: Sequence[Sample], shape: tuple[int, ...], name: str) -> None:
        """Map the file for these samples. Its name depends on inode, size and modification time of every image."""
        identity = stable_seed(name, *(f"{sample.path} {_key(root, sample.path)}" for sample in samples))
        try:
            path = cache_folder() / f"images-{identity:x}.cache"
            self._file = RowFile(path, len(samples), torch.Size(shape).numel())
        except (OSError, ValueError) as error:
            logger.warning("Decoded images are not cached: %s", error)
            self.storage = "none"
            return
        self._rows = torch.from_numpy(self._file.rows).view(len(samples), *shape)
        self._aspects = torch.from_numpy(self._file.read_aspects())


def _choose_storage(num_bytes: int, memory_budget: int, device: torch.device) -> Storage:
    if device.type == "cuda" and num_bytes <= GPU_FRACTION * torch.cuda.mem_get_info(device)[0]:
        return "gpu"
    return "memory" if num_bytes <= memory_budget else "file"


def _key(root: Path, path: str) -> FileKey | str:
    try:
        return file_key(root, path)
    except OSError:
        return "gone"
