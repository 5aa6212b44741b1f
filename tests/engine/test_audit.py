"""Tests of opening every file once."""

from pathlib import Path

from engine.audit import check
from engine.dataset import scan
from tests.pictures import break_file, write_classes


def test_every_unreadable_file_is_named_once_with_its_reason(tmp_path: Path) -> None:
    root = write_classes(tmp_path, {"red": 6, "blue": 6})
    break_file(root / "red" / "002.png")
    (root / "blue" / "000.png").write_bytes(b"")
    dataset = scan(root)
    checked = list(check(dataset))
    assert [one.sample for one in checked] == list(dataset.samples)
    reasons = {one.sample.path: one.reason for one in checked if one.reason}
    assert reasons.keys() == {"red/002.png", "blue/000.png"}
    assert reasons["blue/000.png"] == "It is empty."
