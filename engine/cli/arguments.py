"""Argument types that subcommands share, and the error for wrong usage."""

from pathlib import Path
from typing import Annotated, TypeAlias

from tyro.conf import FlagCreatePairsOff, Positional, arg

Flag: TypeAlias = FlagCreatePairsOff[bool]
"""A flag without a `--no-` counterpart."""
ModelArgument: TypeAlias = Annotated[Positional[Path], arg(metavar="MODEL")]
DataArgument: TypeAlias = Annotated[Positional[Path], arg(metavar="DATA")]
RunArgument: TypeAlias = Annotated[Positional[Path], arg(metavar="RUN")]


class UsageError(Exception):
    """The arguments of a subcommand do not fit together; the message says how to use it."""


def error_limit(max_error: float) -> float | None:
    """Return a maximum error rate of the command line as jobs take it: at least 0, and None (no limit) from 1 on."""
    return None if max_error >= 1 else max(0.0, max_error)
