"""Save tables for spreadsheets."""

from collections.abc import Iterable, Sequence
from pathlib import Path

from engine.core.spreadsheet import write_table
from engine.jobs.base import EventStream


def save_table(path: Path, rows: Iterable[Sequence[str]]) -> EventStream[None]:
    """Write a CSV table to `path` in one step; the first row holds the column names."""
    yield from ()
    write_table(path, rows)
