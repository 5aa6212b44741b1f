"""Tests of CSV tables on the disk."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from engine.core.errors import EngineError
from engine.core.spreadsheet import TableWriter, write_table


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no device that is always full")
def test_a_full_disk_ends_a_table_with_one_sentence() -> None:
    with pytest.raises(EngineError, match="The table could not be saved: No space left"):  # noqa: SIM117
        with TableWriter(Path("/dev/full")) as table:
            table.add(["a", "b"])


def test_an_existing_table_is_kept_until_the_first_row_arrives(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("old")
    with TableWriter(path):
        pass
    assert path.read_text("utf-8") == "old"
    with TableWriter(path) as table:
        table.add(["a", "\udcff"])
        assert path.read_bytes() == b"\xef\xbb\xbfa,\\udcff\r\n"  # it is on the disk before the table ends


def test_an_existing_table_is_kept_if_a_row_fails(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("old")

    def rows(error: Exception) -> Iterator[list[str]]:
        yield ["a"]
        raise error

    for error in (RuntimeError("a bug"), EngineError("The disk is lost.")):
        with pytest.raises(type(error)):
            write_table(path, rows(error))
    assert path.read_text("utf-8") == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_an_error_names_the_table_and_no_temporary_file(tmp_path: Path) -> None:
    with pytest.raises(EngineError) as caught:
        write_table(tmp_path / "missing" / "a.csv", [["a"]])
    assert caught.value.path == tmp_path / "missing" / "a.csv"
