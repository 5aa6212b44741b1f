"""What the device and its memory can do to a run, as sentences."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch

from engine.core.errors import EngineError
from engine.ml.runtime.memory import is_out_of_memory


class DivergedError(EngineError):
    """The loss left all bounds, so the run is over: going on from its checkpoint would end the same way."""


@contextmanager
def device_errors_translated() -> Iterator[None]:
    """Turn what torch raises when memory is out, or when a GPU is lost, into EngineError."""
    try:
        yield
    except (RuntimeError, MemoryError) as error:
        if is_out_of_memory(error):
            raise EngineError(
                "There is not enough memory. What was saved is kept. Close other programs, or choose a smaller batch "
                "or image size, or a smaller network."
            ) from error
        if is_lost_device(error):
            raise EngineError(
                "The graphics card failed. What was saved is kept: start the program again, then resume the run, on "
                "the CPU if it fails again."
            ) from error
        raise


def is_lost_device(error: Exception) -> bool:
    """Say whether a failure means that a GPU answers no more."""
    return isinstance(error, torch.AcceleratorError) or "CUDA error" in str(error) or "MPS backend" in str(error)
