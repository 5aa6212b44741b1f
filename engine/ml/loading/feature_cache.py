"""What the frozen part of a network says of images: computed once, kept between runs."""

import hashlib
import json
import logging
import os
from collections.abc import Generator, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from engine.core.atomic_write import write_atomic
from engine.core.cache import cache_folder, make_room
from engine.core.events import Event, Warned
from engine.core.path_text import path_from_text
from engine.core.progress import Ticker
from engine.data.dataset import Sample
from engine.ml.loading.loader import chunks_in_order, eval_loader, load_batches
from engine.ml.models.inference import make_embedding_forward
from engine.ml.models.preprocessing import Preprocessing

logger = logging.getLogger(__name__)

_Known = dict[str, Tensor]


@dataclass(frozen=True)
class Features:
    """Rows (N, V, ...) for the readable ones among some samples, V views each: as it is, and mirrored where asked."""

    samples: tuple[Sample, ...]
    rows: Tensor

    @property
    def labels(self) -> Tensor:
        """True classes, shape (N,)."""
        return torch.tensor([sample.label for sample in self.samples], dtype=torch.int64)

    def of(self, samples: Sequence[Sample]) -> "Features":
        """Return those of some of the samples, as far as they are readable, in the order given."""
        positions = {sample.path: position for position, sample in enumerate(self.samples)}
        found = tuple(sample for sample in samples if sample.path in positions)
        return Features(found, self.rows[[positions[sample.path] for sample in found]])


def compute_features(
    root: Path,
    samples: Sequence[Sample],
    network: nn.Module,
    preprocessing: Preprocessing,
    device: torch.device,
    dtype: torch.dtype,
    mirrored: bool,
) -> Generator[Event, None, Features]:
    """Return what `network` says of each sample, from the cache where it was asked before; warn of unreadable ones.

    The cache knows an image by its file's number, size and time of change: an image that was moved to another class is
    not computed again, one that was edited is.
    """
    views = 2 if mirrored else 1
    identity = _identity(root, network, preprocessing, dtype, views)
    known = _load(identity)
    keys = {sample.path: _key(root / sample.path) for sample in samples}
    missing = [sample for sample in samples if keys[sample.path] not in known]
    fresh: _Known = {}
    ticker = Ticker("prepare", len(missing))
    forward = make_embedding_forward(network, preprocessing, device, dtype)
    num_done = 0
    for batch in load_batches(chunks_in_order(missing), eval_loader(root, preprocessing)):
        yield from (Warned(message=f"Left out: {bad.reason}", path=bad.path) for bad in batch.unreadable)
        if batch.samples:
            with torch.inference_mode():
                said = [forward(batch.inputs), forward(batch.inputs.flip(-1))] if mirrored else [forward(batch.inputs)]
                rows = torch.stack(said, 1).cpu()
            fresh |= {keys[sample.path]: row for sample, row in zip(batch.samples, rows)}
        num_done += len(batch.samples) + len(batch.unreadable)
        yield from ticker.at(num_done)
    known |= fresh
    readable = tuple(sample for sample in samples if keys[sample.path] in known)
    rows = torch.stack([known[keys[sample.path]] for sample in readable]) if readable else torch.empty(0)
    if fresh:  # kept with those of other images, which another part of the program may ask for next
        is_all = len(known) == len(readable)
        kept = [keys[sample.path] for sample in readable] if is_all else list(known)
        _save(identity, kept, rows if is_all else torch.stack(list(known.values())))
    return Features(readable, rows.clone())  # cloned: what inference mode made cannot be learnt from


def _key(path: Path) -> str:
    try:
        status = path_from_text(path).stat()
    except OSError:
        return str(path)
    return f"{status.st_ino} {status.st_size} {status.st_mtime_ns}"


def _identity(root: Path, network: nn.Module, preprocessing: Preprocessing, dtype: torch.dtype, views: int) -> str:
    digest = hashlib.blake2b(repr((str(root.resolve()), preprocessing, dtype, views)).encode(), digest_size=16)
    for name, tensor in network.state_dict().items():
        digest.update(name.encode())
        digest.update(tensor.detach().cpu().contiguous().view(-1).view(torch.uint8).numpy())
    return digest.hexdigest()


def _path(identity: str) -> Path:
    return cache_folder() / f"activations-{identity}.safetensors"


def _load(identity: str) -> _Known:
    try:
        path = _path(identity)
        with safe_open(path, "pt") as file:
            keys: list[str] = json.loads(file.metadata()["keys"])
            rows: Tensor = file.get_tensor("rows")
        os.utime(path)  # used now, so the last to be evicted
    except (OSError, SafetensorError, KeyError, ValueError, TypeError):
        return {}
    return dict(zip(keys, rows)) if len(keys) == len(rows) else {}


def _save(identity: str, keys: list[str], rows: Tensor) -> None:
    if not make_room(rows.numel() * rows.element_size()):
        return
    try:
        metadata = {"keys": json.dumps(keys)}
        write_atomic(_path(identity), lambda path: save_file({"rows": rows.contiguous()}, path, metadata))
    except (OSError, SafetensorError) as error:
        logger.warning("What the network said is not kept: %s", error)
