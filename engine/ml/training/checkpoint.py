"""Write and read what a run needs to go on where it was interrupted, in the middle of an epoch too.

The file is torch's, with the SHA-256 of all before it as its last 32 bytes; torch itself passes over these.
"""

import errno
import hashlib
import io
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_args

import torch
from torch import Tensor, nn

from engine.core.atomic_write import write_atomic
from engine.core.errors import EngineError
from engine.core.safe_read import check_regular_file
from engine.ml.models.safe_pickle import DAMAGED, load_torch_file
from engine.ml.runtime import distributed
from engine.ml.runtime.memory import is_out_of_memory
from engine.ml.runtime.precision import DTYPES, LAYOUTS, PrecisionChoice
from engine.ml.training.early_stopping import EarlyStopping
from engine.ml.training.phases import Phase, PhaseKind
from engine.ml.training.state import TrainState

_MOST_BYTES = 16 * 2**30
"""The largest network with its moving average and Adam's two numbers a weight has 10 GiB."""
_DIGEST_BYTES = hashlib.sha256().digest_size


@dataclass(frozen=True)
class Checkpoint:
    """What such a file holds; tensors are on the CPU."""

    path: Path
    kind: PhaseKind
    """The phase that the run was in."""
    precision: PrecisionChoice
    """Chosen by time at the start, so it must not be chosen anew."""
    seconds: float
    """How long the run had taken."""
    state: dict[str, Any]

    def restore_model(self, model: nn.Module) -> None:
        """Put the weights into the network of the run; raise EngineError where they do not fit."""
        with _told_as_damage(self.path):
            model.load_state_dict(self.state["model"])

    def restore(self, session: TrainState, phase: Phase) -> None:
        """Go back to where `write_checkpoint` was called; raise EngineError where the content does not fit."""
        state, device = self.state, session.setup.device
        with _told_as_damage(self.path):
            if session.averaged is not None:
                session.averaged.load_state_dict(state["averaged"])
            phase.optimizer.load_state_dict(state["optimizer"])
            phase.first_epoch, phase.began = int(state["first_epoch"]), session.started + float(state["began"])
            session.setup.scaler.load_state_dict(state["scaler"])
            session.stopping = EarlyStopping.model_validate_json(state["stopping"])
            session.epoch, session.num_batches_done = int(state["epoch"]), int(state["num_batches_done"])
            session.num_steps_done, session.accumulation_steps = (
                int(state["num_steps_done"]),
                int(state["accumulation_steps"]),
            )
            session.work_done, session.step_seconds = float(state["work_done"]), float(state["step_seconds"])
            session.validation_seconds = float(state["measuring_seconds"])
            session.warned = set(map(str, state["warned"]))
            if distributed.rank() == 0:  # they are those of all processes
                session.sums = state["sums"].to(device)
            torch.set_rng_state(state["random"])
            if device.type == "cuda" and state["device_random"] is not None:
                torch.cuda.set_rng_state(state["device_random"], device)


@contextmanager
def _told_as_damage(path: Path) -> Iterator[None]:
    """Turn what content of another shape raises into a sentence."""
    try:
        yield
    except DAMAGED as error:
        if is_out_of_memory(error):
            raise
        raise EngineError(
            "The checkpoint of this run is damaged, so it cannot go on. Its best model is kept; train again with its "
            "settings.",
            path,
        ) from error


def write_checkpoint(path: Path, session: TrainState, phase: Phase, sums: Tensor) -> None:
    """Write all that is needed to go on from here, in one step; raise OSError where the disk refuses.

    `sums` are those of `session` over all processes.
    """
    setup, averaged = session.setup, session.averaged
    state = {
        "kind": phase.kind,
        "first_epoch": phase.first_epoch,
        "began": phase.began - session.started,
        "precision": (str(setup.dtype).removeprefix("torch."), setup.precision.reason, str(setup.layout)),
        "seconds": session.seconds,
        "model": setup.model.state_dict(),
        "averaged": None if averaged is None else averaged.state_dict(),
        "optimizer": phase.optimizer.state_dict(),
        "scaler": setup.scaler.state_dict(),
        "random": torch.get_rng_state(),
        "device_random": torch.cuda.get_rng_state(setup.device) if setup.device.type == "cuda" else None,
        "stopping": session.stopping.model_dump_json(),
        "epoch": session.epoch,
        "num_batches_done": session.num_batches_done,
        "num_steps_done": session.num_steps_done,
        "accumulation_steps": session.accumulation_steps,
        "step_seconds": session.step_seconds,
        "measuring_seconds": session.validation_seconds,
        "work_done": session.work_done,
        "warned": sorted(session.warned),
        "sums": sums.cpu(),
    }
    # Not straight to the file: torch's own writer says of a full disk no more than that it failed
    content = io.BytesIO()
    torch.save(state, content)
    content.write(hashlib.sha256(content.getbuffer()).digest())
    write_atomic(path, lambda temporary: temporary.write_bytes(content.getbuffer()))


def read_checkpoint(path: Path) -> Checkpoint | None:
    """Return what lies at `path`, or None where nothing does; raise EngineError where it is damaged or no checkpoint.

    Nothing in it is run: its hash is checked, then plain data alone is read, see `load_torch_file`.
    """
    try:
        check_regular_file(path)
        if path.stat().st_size > _MOST_BYTES:
            raise OSError(errno.EFBIG, "it is larger than any that this program writes")
        content = path.read_bytes()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise EngineError(f"The checkpoint of this run cannot be read: {error.strerror or error}.", path) from error
    with _told_as_damage(path):
        body, digest = memoryview(content)[:-_DIGEST_BYTES], content[-_DIGEST_BYTES:]
        if hashlib.sha256(body).digest() != digest:
            raise ValueError("another hash")
        state = load_torch_file(io.BytesIO(body))
        if not isinstance(state, dict) or state["kind"] not in get_args(PhaseKind):
            raise ValueError("no checkpoint of a training")
        dtype, reason, layout = state["precision"]
        precision = PrecisionChoice(DTYPES[dtype], str(reason), LAYOUTS[layout])
        return Checkpoint(path, state["kind"], precision, float(state["seconds"]), state)
