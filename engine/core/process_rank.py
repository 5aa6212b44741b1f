"""Rank of this process under torchrun, read from the environment without torch."""

import os


def is_rank_zero() -> bool:
    """Return True in the process that prints and writes files: rank 0, or the only process."""
    return os.environ.get("RANK", "0") == "0"


def is_restarted() -> bool:
    """Return True if torchrun restarted the processes after one of them failed."""
    return int(os.environ.get("TORCHELASTIC_RESTART_COUNT", "0")) > 0
