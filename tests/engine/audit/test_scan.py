"""Tests of scanning a dataset and of the fingerprint cache."""

from pathlib import Path

import numpy as np
import pytest

from engine.audit import scan as audit
from engine.audit.fingerprint import fingerprint
from engine.audit.scan import fingerprint_dataset, fingerprint_samples
from engine.core.cache import cache_folder
from engine.core.event_stream import run_to_end
from engine.data.dataset import scan
from tests.images import draw_image, truncate_file, write_classes


def test_every_unreadable_file_is_listed_once_with_its_reason(tmp_path: Path) -> None:
    root = write_classes(tmp_path, {"red": 6, "blue": 6})
    truncate_file(root / "red" / "002.png")
    (root / "blue" / "000.png").write_bytes(b"")
    dataset = scan(root)
    results = list(fingerprint_samples(dataset))
    assert [result.sample for result in results] == list(dataset.samples)
    reasons = {result.sample.path: result.reason for result in results if result.reason}
    assert reasons.keys() == {"red/002.png", "blue/000.png"}
    assert reasons["blue/000.png"] == "This file is empty."


def _opened(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    opened: list[str] = []
    monkeypatch.setattr(audit, "fingerprint", lambda path: opened.append(path.name) or fingerprint(path))
    return opened


def test_a_second_scan_opens_only_changed_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    dataset = scan(write_classes(tmp_path / "data", {"red": 3, "blue": 3}))
    first = run_to_end(fingerprint_dataset(dataset))
    opened = _opened(monkeypatch)
    again = run_to_end(fingerprint_dataset(dataset))
    assert opened == []
    assert np.array_equal(first.records.tobytes(), again.records.tobytes())
    draw_image((0, 0, 0), 99).save(dataset.root / "red" / "001.png")
    changed = run_to_end(fingerprint_dataset(dataset))
    assert opened == ["001.png"]
    assert changed.records["brightness"].min() < 20


def test_a_damaged_cache_is_rebuilt(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    dataset = scan(write_classes(tmp_path / "data", {"red": 2, "blue": 2}))
    run_to_end(fingerprint_dataset(dataset))
    (cache_file,) = cache_folder().glob("records-*.npy")
    cache_file.write_bytes(cache_file.read_bytes()[:100])
    opened = _opened(monkeypatch)
    run_to_end(fingerprint_dataset(dataset))
    assert len(opened) == 4
