"""Save a run in the middle of its training and restore it, so that it ends with the same bits as without a break."""

from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import torch
from torch import Tensor, nn

from engine.core.atomic_write import write_atomic
from engine.core.errors import EngineError
from engine.ml.models.safe_pickle import DAMAGED
from engine.ml.runtime import distributed
from engine.ml.runtime.memory import is_out_of_memory
from engine.ml.runtime.precision import DTYPES, LAYOUTS, PrecisionChoice
from engine.ml.training.checkpoint_file import (
    read_checkpoint_metadata,
    read_checkpoint_tensors,
    write_checkpoint_file,
)
from engine.ml.training.checkpoint_state import (
    AVERAGED,
    CHECKPOINT_VERSION,
    CUDA_RANDOM,
    MODEL,
    OPTIMIZER,
    RANDOM,
    SUMS,
    WARNED,
    CheckpointMetadata,
    decode_paths,
    encode_paths,
)
from engine.ml.training.legacy_checkpoint import read_legacy_checkpoint
from engine.ml.training.phases import Phase, PhaseKind
from engine.ml.training.state import TrainState
from engine.runs.run_folder import Run

_SCALAR_STATE = "step"
"""Key of the optimizer's step counter, the only state that does not have the shape of its parameter."""
_OPTIMIZER_KEYS = {_SCALAR_STATE, "exp_avg", "exp_avg_sq", "momentum_buffer"}


@dataclass(frozen=True)
class Checkpoint:
    """A checkpoint whose hash and metadata were verified; tensors are read when they are restored."""

    path: Path
    metadata: CheckpointMetadata
    read_tensors: Callable[[], dict[str, Tensor]] = field(repr=False)

    @property
    def kind(self) -> PhaseKind:
        """Kind of the phase that was interrupted."""
        return self.metadata.kind

    @property
    def precision(self) -> PrecisionChoice:
        """Precision of the run; version 0.1 chose it by timing, so it must not be chosen again."""
        metadata = self.metadata
        return PrecisionChoice(DTYPES[metadata.dtype], metadata.precision_reason, LAYOUTS[metadata.layout])

    @property
    def seconds(self) -> float:
        """Duration of the run up to the checkpoint."""
        return self.metadata.seconds

    def restore_model(self, model: nn.Module) -> None:
        """Load the weights into the network of the run; raise EngineError if they do not match it."""
        with _damage_reported(self.path):
            _load_module(model, self.read_tensors(), MODEL)

    def restore(self, state: TrainState, phase: Phase) -> None:
        """Restore everything but the model: optimizer, moving average, position, random states.

        Raises:
            EngineError: If the content does not match the run.
        """
        metadata, device = self.metadata, state.setup.device
        with _damage_reported(self.path):
            tensors = self.read_tensors()
            if state.averaged is not None:
                _load_module(state.averaged, tensors, AVERAGED)
            _load_optimizer(phase.optimizer, tensors, metadata.learning_rates)
            phase.first_epoch, phase.began = metadata.first_epoch, state.started + metadata.phase_start
            state.setup.scaler.load_state_dict(metadata.scaler)
            state.stopping = metadata.stopping.model_copy()
            state.epoch, state.num_batches_done = metadata.epoch, metadata.num_batches_done
            state.num_steps_done, state.accumulation_steps = metadata.num_steps_done, metadata.accumulation_steps
            state.work_done, state.step_seconds = metadata.work_done, metadata.step_seconds
            state.validation_seconds = metadata.validation_seconds
            state.warned = decode_paths(tensors[WARNED])
            if distributed.rank() == 0:  # the saved sums are those over all processes
                state.sums = _require_like(tensors[SUMS], state.sums).to(device, copy=True)
            torch.set_rng_state(tensors[RANDOM])
            if device.type == "cuda" and CUDA_RANDOM in tensors:
                torch.cuda.set_rng_state(tensors[CUDA_RANDOM].clone(), device)


def write_checkpoint(path: Path, state: TrainState, phase: Phase, sums: Tensor) -> None:
    """Write the state of a run atomically.

    Args:
        path: The file to write or replace.
        state: The state of the run.
        phase: The phase that is running.
        sums: `state.sums` added up over all processes, shape (3,).

    Raises:
        OSError: If the file cannot be written; the checkpoint before is then unchanged.
    """
    setup = state.setup
    metadata = CheckpointMetadata(
        kind=phase.kind,
        dtype=setup.precision.name,
        precision_reason=setup.precision.reason,
        layout=str(setup.layout),
        seconds=state.seconds,
        first_epoch=phase.first_epoch,
        phase_start=phase.began - state.started,
        epoch=state.epoch,
        num_batches_done=state.num_batches_done,
        num_steps_done=state.num_steps_done,
        accumulation_steps=state.accumulation_steps,
        step_seconds=state.step_seconds,
        validation_seconds=state.validation_seconds,
        work_done=state.work_done,
        stopping=state.stopping,
        learning_rates=tuple(group["lr"] for group in phase.optimizer.param_groups),
        scaler=setup.scaler.state_dict(),
    )
    tensors = _collect_tensors(state, phase) | {SUMS: sums}
    write_atomic(path, lambda temporary: write_checkpoint_file(temporary, metadata, tensors))


def read_checkpoint(run: Run) -> Checkpoint | None:
    """Return the checkpoint of a run, or None if it has none.

    Raises:
        EngineError: If the checkpoint cannot be read, is damaged, or was written by a newer version.
    """
    for path in (run.checkpoint_path, run.legacy_checkpoint_path):
        if path.exists():
            return open_checkpoint(path)
    return None


def open_checkpoint(path: Path) -> Checkpoint:
    """Return the checkpoint in a file, in the current or, if it is a `.pt` file, the legacy format.

    Raises:
        EngineError: If it cannot be read, is damaged, or was written by a newer version.
    """
    try:
        with _damage_reported(path):
            if path.suffix == ".pt":
                # Read again when they are restored, because the tensors would stay in memory during the whole run
                return Checkpoint(path, read_legacy_checkpoint(path)[0], lambda: read_legacy_checkpoint(path)[1])
            metadata = read_checkpoint_metadata(path)
    except OSError as error:
        raise EngineError(f"The checkpoint of this run cannot be read: {error.strerror or error}.", path) from error
    if metadata.version > CHECKPOINT_VERSION:
        raise EngineError("This run was started by a newer Classifold. Update the program to resume it.", path)
    return Checkpoint(path, metadata, partial(read_checkpoint_tensors, path))


@contextmanager
def _damage_reported(path: Path) -> Iterator[None]:
    """Turn the exceptions that damaged content raises into EngineError."""
    try:
        yield
    except DAMAGED as error:
        if is_out_of_memory(error):
            raise
        raise EngineError(
            "The checkpoint of this run is damaged, so the run cannot be resumed. Its best model is kept; train again "
            "with the same settings.",
            path,
        ) from error


def _collect_tensors(state: TrainState, phase: Phase) -> dict[str, Tensor]:
    setup = state.setup
    tensors = {f"{MODEL}{name}": tensor for name, tensor in setup.model.state_dict().items()}
    if state.averaged is not None:
        tensors |= {f"{AVERAGED}{name}": tensor for name, tensor in state.averaged.state_dict().items()}
    for index, values in phase.optimizer.state_dict()["state"].items():
        tensors |= {f"{OPTIMIZER}{index}.{key}": value for key, value in values.items() if value is not None}
    tensors |= {RANDOM: torch.get_rng_state(), WARNED: encode_paths(state.warned)}
    if setup.device.type == "cuda":
        tensors[CUDA_RANDOM] = torch.cuda.get_rng_state(setup.device)
    return tensors


def _load_module(module: nn.Module, tensors: dict[str, Tensor], prefix: str) -> None:
    """Copy the tensors with a prefix into a module; raise ValueError if names, shapes or types differ."""
    own = module.state_dict()
    saved = {name.removeprefix(prefix): tensor for name, tensor in tensors.items() if name.startswith(prefix)}
    if set(saved) != set(own):
        raise ValueError("the names of the tensors differ")
    state = OrderedDict((name, _require_like(saved[name], expected)) for name, expected in own.items())
    state._metadata = own._metadata  # type: ignore[attr-defined]
    module.load_state_dict(state)


def _load_optimizer(
    optimizer: torch.optim.Optimizer, tensors: dict[str, Tensor], learning_rates: tuple[float, ...]
) -> None:
    """Copy saved state into an optimizer; raise ValueError or IndexError if it does not match the parameters."""
    parameters = [parameter for group in optimizer.param_groups for parameter in group["params"]]
    state: dict[int, dict[str, Tensor]] = {}
    for name, tensor in tensors.items():
        if not name.startswith(OPTIMIZER):
            continue
        index, _, key = name.removeprefix(OPTIMIZER).partition(".")
        if key not in _OPTIMIZER_KEYS:
            raise ValueError(f"unknown optimizer state {key}")
        parameter = parameters[int(index)]
        # The fused optimizers need the memory layout of the parameter, which a file does not keep
        target = torch.zeros(()) if key == _SCALAR_STATE else torch.empty_like(parameter)
        state.setdefault(int(index), {})[key] = target.copy_(_require_like(tensor, target))
    optimizer.load_state_dict(optimizer.state_dict() | {"state": state})
    for group, rate in zip(optimizer.param_groups, learning_rates, strict=True):
        group["lr"] = rate


def _require_like(tensor: Tensor, expected: Tensor) -> Tensor:
    if (tensor.shape, tensor.dtype) != (expected.shape, expected.dtype):
        raise ValueError("the shape or type of a tensor differs")
    return tensor
