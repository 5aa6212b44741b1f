"""Keep freed memory for the next step instead of giving it back, and know when there is none."""

import ctypes
import platform
from functools import cache

import torch

_TRIM_THRESHOLD, _TOP_PAD, _MMAP_THRESHOLD = -1, -2, -3  # glibc's malloc.h
_MEGABYTE = 1024 * 1024
_NO_MEMORY = ("can't allocate memory", "not enough memory", "out of memory")
"""What torch says on the CPU, on the CPU under Windows, and on a GPU."""


@cache
def keep_freed_memory() -> None:
    """Let glibc serve large blocks from memory it has; elsewhere do nothing.

    As it comes, it maps each large block anew and hands it back, and the kernel clears every page again: MobileNetV2
    answered batches of 32 half as fast again without that.
    """
    if platform.libc_ver()[0] != "glibc":
        return
    mallopt = ctypes.CDLL(None).mallopt
    mallopt(_MMAP_THRESHOLD, 32 * _MEGABYTE)  # the most it takes
    mallopt(_TRIM_THRESHOLD, 1024 * _MEGABYTE)
    mallopt(_TOP_PAD, 64 * _MEGABYTE)


def free_memory() -> None:
    """Give a GPU back what is kept for the next step."""
    if torch.cuda.is_available():
        torch.cuda.empty_cache()


def is_out_of_memory(error: Exception) -> bool:
    """Say whether a failure means that a GPU or the computer has no memory left."""
    kinds = (MemoryError, torch.OutOfMemoryError)
    return isinstance(error, kinds) or (isinstance(error, RuntimeError) and any(w in str(error) for w in _NO_MEMORY))
