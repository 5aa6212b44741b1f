"""The content of a checkpoint: scalar state as a record, tensors by name."""

import json
from collections.abc import Iterable
from typing import Literal

import torch
from torch import Tensor

from engine.core.records import ExtensibleModel
from engine.ml.training.early_stopping import EarlyStopping
from engine.ml.training.phases import PhaseKind

CHECKPOINT_VERSION = 1

MODEL = "model."
"""Prefix of the names in the model's state dict."""
AVERAGED = "averaged."
"""Prefix of the names in the state dict of the moving average (EMA)."""
OPTIMIZER = "optimizer."
"""Prefix of the optimizer state: optimizer.<parameter index>.<key>."""
RANDOM = "random"
CUDA_RANDOM = "cuda_random"
SUMS = "sums"
WARNED = "warned"
"""Paths of the unreadable images, as UTF-8 bytes of a JSON list: a list of any length fits, unlike in the header."""


class CheckpointMetadata(ExtensibleModel):
    """The scalar state of an interrupted run; times in seconds."""

    version: int = CHECKPOINT_VERSION
    kind: PhaseKind
    """Kind of the phase that was interrupted."""
    dtype: Literal["float32", "bfloat16", "float16"]
    precision_reason: str
    layout: Literal["torch.channels_last", "torch.contiguous_format"]
    seconds: float
    """Duration of the run so far."""
    first_epoch: int
    phase_start: float
    """Start of the phase, counted from the start of the run."""
    epoch: int
    num_batches_done: int
    """Finished batches of the interrupted epoch."""
    num_steps_done: int
    accumulation_steps: int
    step_seconds: float
    validation_seconds: float
    work_done: float
    stopping: EarlyStopping
    learning_rates: tuple[float, ...]
    """Learning rate of each parameter group."""
    scaler: dict[str, int | float]
    """State of the gradient scaler; empty when it is disabled."""


def encode_paths(paths: Iterable[str]) -> Tensor:
    """Return paths as a uint8 tensor."""
    return torch.frombuffer(bytearray(json.dumps(sorted(paths)).encode()), dtype=torch.uint8)


def decode_paths(encoded: Tensor) -> set[str]:
    """Return the paths that `encode_paths` encoded; raise ValueError if there are none."""
    return set(map(str, json.loads(encoded.numpy().tobytes())))
