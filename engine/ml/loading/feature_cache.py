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


def compute_features(
    root: Path,
    samples: Sequence[Sample],
    network: nn.Module,
    preprocessing: Preprocessing,
    device: torch.device,
    dtype: torch.dtype,
) -> Generator[Event, None, Features]:
    """Compute `network` of each sample, or read it from the cache; warn of unreadable images.

    The cache identifies an image by its path, inode, size and modification time, so an edited or moved one is computed
    again.

    Args:
        root: Folder that the paths of `samples` are relative to.
        samples: Samples of any split.
        network: Maps normalised images (N, 3, S, S) to features (N, ...).
        preprocessing: Preprocessing for evaluation.
        device: Where `network` runs.
        dtype: Precision that `network` runs in, and of the returned features.

    Returns:
        Features of the readable samples, on the CPU.
    """
    identity = _identity(root, network, preprocessing, device, dtype)
    cached = _load(identity)
    keys = {sample.path: _key(root, sample.path) for sample in samples}
    missing = [sample for sample in samples if keys[sample.path] not in cached]
    computed: _RowsByKey = {}
    ticker = Ticker("prepare", len(missing))
    forward = make_embedding_forward(network, preprocessing, device, dtype)
    num_done = 0
    for batch in load_batches(chunks_in_order(missing), eval_loader(root, preprocessing)):
        yield from (Warned(message=f"Left out: {bad.reason}", path=bad.path) for bad in batch.unreadable)
        if batch.samples:
            with torch.inference_mode():
                rows = forward(batch.inputs).cpu()
            computed |= {keys[sample.path]: row for sample, row in zip(batch.samples, rows)}
        num_done += len(batch.samples) + len(batch.unreadable)
        yield from ticker.at(num_done)
    cached |= computed
    readable = tuple(sample for sample in samples if keys[sample.path] in cached)
    rows = torch.stack([cached[keys[sample.path]] for sample in readable]) if readable else torch.empty(0)
    if computed:  # the rows of other images are saved too, because another job may need them next
        is_all = len(cached) == len(readable)
        saved_keys = [keys[sample.path] for sample in readable] if is_all else list(cached)
        _save(identity, saved_keys, rows if is_all else torch.stack(list(cached.values())))
    return Features(readable, rows.clone())  # cloned, because autograd refuses tensors made in inference mode


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
