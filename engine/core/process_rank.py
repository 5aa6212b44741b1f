"""Which of the processes that torchrun started this one is, read from its environment without torch."""

import os


def is_rank_zero() -> bool:
    """Say whether this process speaks and writes for all: the first does, and a process on its own."""
    return os.environ.get("RANK", "0") == "0"


def is_restarted() -> bool:
    """Say whether torchrun started the processes again, since one of them had ended too early."""
    return int(os.environ.get("TORCHELASTIC_RESTART_COUNT", "0")) > 0
