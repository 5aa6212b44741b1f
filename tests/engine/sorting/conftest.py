"""Fixtures of tests of sorting."""

from pathlib import Path

import pytest

from tests.engine.sorting.sorted_folders import write_photos


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """Return a folder with four images, two of them of the same name, and a file of another kind."""
    return write_photos(tmp_path / "photos", "a.jpg", "b.jpg", "deep/a.jpg", "deep/deeper/c.png", "notes.txt")
