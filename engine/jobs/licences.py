"""Read the licences of the program and its libraries."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from engine.core.licences import Licence


def all_licences() -> "list[Licence]":
    """Return the licences of the program and all its libraries; the code that reads them is imported on first use."""
    from engine.core.licences import all_licences as read_licences

    return read_licences()
