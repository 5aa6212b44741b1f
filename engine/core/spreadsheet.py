"""CSV tables for spreadsheets: UTF-8 with a byte order mark, quoted as in RFC 4180, and safe from formula injection."""

import contextlib
import csv
from collections.abc import Iterable, Sequence
from pathlib import Path
from types import TracebackType
from typing import TextIO

from engine.core.atomic_write import saving, write_atomic

_FORMULA_STARTS = tuple("=+-@\uff1d\uff0b\uff0d\uff20")
"""First characters of a formula, including the full-width forms used in East Asia."""


class TableWriter:
    """Writes a CSV table row by row; an existing file is replaced only when the first row arrives.

    The byte order mark makes spreadsheets read the file as UTF-8; Python reads it with the encoding `utf-8-sig`.

    Args:
        path: The file to create or replace.
        final_path: The file that errors name, if `path` is a temporary one.
    """

    def __init__(self, path: Path, final_path: Path | None = None) -> None:
        self._path, self._final_path = path, final_path or path
        self._file: TextIO | None = None

    def __enter__(self) -> "TableWriter":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        if self._file is None:
            return
        if error is not None:
            with contextlib.suppress(OSError):  # a full disk refuses the rest of the buffer again
                self._file.close()
        else:
            with saving("The table", self._final_path):
                self._file.close()

    def add(self, row: Sequence[str]) -> None:
        """Write and flush a row, so that a killed program loses none; raise EngineError if it cannot be written."""
        with saving("The table", self._final_path):
            if self._file is None:
                # A lone surrogate in a name on Windows has no UTF-8 form
                self._file = open(  # noqa: SIM115 - closed on exit
                    self._path, "w", newline="", encoding="utf-8-sig", errors="backslashreplace"
                )
            csv.writer(self._file).writerow(map(escape_formula, row))
            self._file.flush()


def write_table(path: Path, rows: Iterable[Sequence[str]]) -> None:
    """Write a whole CSV table in one step; the first row holds the column names.

    Raises:
        EngineError: The file cannot be written; the old one is unchanged.
    """

    def write(temporary: Path) -> None:
        with TableWriter(temporary, path) as table:
            for row in rows:
                table.add(row)

    with saving("The table", path):
        write_atomic(path, write)


def escape_formula(cell: str) -> str:
    """Return the text of a table cell in a form that no spreadsheet runs as a formula.

    A `'` is put in front of a formula. It is also put in front of a cell that begins with `'`, a tab or a line end, so
    that the original can be restored by removing one leading `'`.
    """
    is_formula = cell.lstrip().startswith(_FORMULA_STARTS)
    return f"'{cell}" if is_formula or cell.startswith(("'", "\t", "\r", "\n")) else cell
