"""On-disk cache of features computed by the frozen part of a network."""

import hashlib
import json
import logging
from collections.abc import Generator, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from engine.core.atomic_write import write_atomic
from engine.core.cache import cache_folder, mark_used, reserve_space
from engine.core.events import Event, Warned
from engine.core.file_key import file_key
from engine.core.progress import Ticker
from engine.core.seeds import stable_seed
from engine.data.dataset import Sample
from engine.ml.loading.loader import chunks_in_order, eval_loader, load_batches
from engine.ml.models.inference import make_embedding_forward
from engine.ml.models.preprocessing import Preprocessing

logger = logging.getLogger(__name__)

_RowsByKey = dict[str, Tensor]


@dataclass(frozen=True)
class Features:
    """Features of the readable samples."""

    samples: tuple[Sample, ...]
    rows: Tensor
    """Shape (N, ...), on the CPU."""

    @property
    def labels(self) -> Tensor:
        """True classes, int64, shape (N,)."""
        return torch.tensor([sample.label for sample in self.samples], dtype=torch.int64)

    def of(self, samples: Sequence[Sample]) -> "Features":
        """Return the features of some of the samples, in the given order; unreadable samples are dropped."""
        if tuple(samples) == self.samples:
            return self
        positions = {sample.path: position for position, sample in enumerate(self.samples)}
        readable = tuple(sample for sample in samples if sample.path in positions)
        return Features(readable, self.rows[[positions[sample.path] for sample in readable]])


class FeatureCache:
    """Features of one network and one preprocessing, in memory and on disk.

    The cache identifies an image by its path, inode, size and modification time, so an edited or moved one is computed
    again.
    """

    def __init__(
        self, root: Path, network: nn.Module, preprocessing: Preprocessing, device: torch.device, dtype: torch.dtype
    ) -> None:
        """Read the features that are on disk.

        Args:
            root: Folder that the paths of samples are relative to.
            network: Maps normalised images (N, 3, S, S) to features (N, ...).
            preprocessing: Preprocessing for evaluation.
            device: Where `network` runs.
            dtype: Precision that `network` runs in, and of the features.
        """
        self._root, self._preprocessing = root, preprocessing
        self._forward = make_embedding_forward(network, preprocessing, device, dtype)
        self._identity = _identity(root, network, preprocessing, device, dtype)
        self._rows = _load(self._identity)
        self._keys: dict[str, str] = {}
        self._is_saved = True

    def missing(self, samples: Sequence[Sample]) -> list[Sample]:
        """Return the samples whose features have to be computed."""
        return [sample for sample in samples if self._key(sample) not in self._rows]

    def compute(self, samples: Sequence[Sample], *, saves: bool = True) -> Generator[Event, None, Features]:
        """Return the features of the readable samples, on the CPU; warn of unreadable images.

        Args:
            samples: Samples of any split.
            saves: Whether to write new features to disk.
        """
        missing = self.missing(samples)
        ticker, num_done = Ticker("prepare", len(missing)), 0
        for batch in load_batches(chunks_in_order(missing), eval_loader(self._root, self._preprocessing)):
            yield from (Warned(message=f"Left out: {bad.reason}", path=bad.path) for bad in batch.unreadable)
            if batch.samples:
                with torch.inference_mode():
                    rows = self._forward(batch.inputs).cpu()
                self._rows |= {self._key(sample): row for sample, row in zip(batch.samples, rows)}
                self._is_saved = False
            num_done += len(batch.samples) + len(batch.unreadable)
            yield from ticker.at(num_done)
        readable = tuple(sample for sample in samples if self._key(sample) in self._rows)
        rows = torch.stack([self._rows[self._key(sample)] for sample in readable]) if readable else torch.empty(0)
        if saves and not self._is_saved:  # rows of other images are saved too, because another job may need them next
            is_all = len(self._rows) == len(readable)
            keys = [self._key(sample) for sample in readable] if is_all else list(self._rows)
            _save(self._identity, keys, rows if is_all else torch.stack(list(self._rows.values())))
            self._is_saved = True
        return Features(readable, rows.clone())  # cloned, because autograd refuses tensors made in inference mode

    def _key(self, sample: Sample) -> str:
        if sample.path not in self._keys:
            self._keys[sample.path] = _key(self._root, sample.path)
        return self._keys[sample.path]


def compute_features(
    root: Path,
    samples: Sequence[Sample],
    network: nn.Module,
    preprocessing: Preprocessing,
    device: torch.device,
    dtype: torch.dtype,
) -> Generator[Event, None, Features]:
    """Return the features of the readable samples, computed or from the cache, as `FeatureCache.compute` does."""
    return (yield from FeatureCache(root, network, preprocessing, device, dtype).compute(samples))


def _key(root: Path, path: str) -> str:
    try:
        return f"{stable_seed(*file_key(root, path)):x}"
    except OSError:
        return path


def _identity(
    root: Path, network: nn.Module, preprocessing: Preprocessing, device: torch.device, dtype: torch.dtype
) -> str:
    # Device, number of threads and version of torch change the last bits, on which a repeated run must not depend
    computer = (device.type, torch.get_num_threads(), torch.__version__)
    values = (str(root.resolve()), preprocessing, computer, dtype)
    digest = hashlib.blake2b(repr(values).encode(), digest_size=16)
    for name, tensor in network.state_dict().items():
        digest.update(name.encode())
        digest.update(tensor.detach().cpu().contiguous().view(-1).view(torch.uint8).numpy())
    return digest.hexdigest()


def _path(identity: str) -> Path:
    return cache_folder() / f"features-{identity}.safetensors"


def _load(identity: str) -> _RowsByKey:
    try:
        path = _path(identity)
        with safe_open(path, "pt") as file:
            keys: list[str] = json.loads(file.metadata()["keys"])
            # Cloned, because Windows does not replace a file while it is mapped
            rows: Tensor = file.get_tensor("rows").clone()
        mark_used(path)
    except (OSError, SafetensorError, KeyError, ValueError, TypeError):
        return {}
    return dict(zip(keys, rows)) if len(keys) == len(rows) else {}


def _save(identity: str, keys: list[str], rows: Tensor) -> None:
    try:
        path = _path(identity)
        if not reserve_space(rows.numel() * rows.element_size(), replaced=path):
            return
        metadata = {"keys": json.dumps(keys)}
        write_atomic(path, lambda temporary: save_file({"rows": rows.contiguous()}, temporary, metadata))
    except (OSError, SafetensorError) as error:
        logger.warning("Features could not be saved to the cache: %s", error)
