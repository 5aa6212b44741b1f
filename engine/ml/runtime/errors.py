"""Errors of devices and memory, translated into messages for the user."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch

from engine.core.errors import EngineError
from engine.ml.runtime.memory import is_out_of_memory


class DivergedError(EngineError):
    """Raised when the loss is not finite or above the divergence limit; resuming would fail again."""


@contextmanager
def device_errors_translated() -> Iterator[None]:
    """Turn torch's errors for exhausted memory and lost GPUs into EngineError."""
    try:
        yield
    except (RuntimeError, MemoryError) as error:
        if is_out_of_memory(error):
            raise EngineError(
                "There is not enough memory. What was saved is kept. Close other programs, or choose a smaller batch "
                "size, image size or network."
            ) from error
        if is_lost_device(error):
            raise EngineError(
                "The graphics card failed. What was saved is kept: start the program again, then resume the run, on "
                "the CPU if it fails again."
            ) from error
        raise


def is_lost_device(error: Exception) -> bool:
    """Return whether an error means that a GPU stopped working."""
    return isinstance(error, torch.AcceleratorError) or "CUDA error" in str(error) or "MPS backend" in str(error)
