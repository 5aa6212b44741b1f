"""Tests of the cache of features."""

import os
import shutil
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import nn

from engine.core import cache
from engine.core.cache import cache_folder
from engine.core.event_stream import run_to_end
from engine.core.events import Event, Progress, Warned
from engine.data.dataset import Sample, scan
from engine.ml.loading.feature_cache import Features, compute_features
from engine.ml.models.preprocessing import Preprocessing
from tests.images import truncate_file, write_classes

PREPROCESSING = Preprocessing(16, "crop", (0.5, 0.5, 0.5), (0.5, 0.5, 0.5))


def _network(seed: int = 0) -> nn.Module:
    torch.manual_seed(seed)
    return nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU())


def _compute(
    root: Path, network: nn.Module, preprocessing: Preprocessing = PREPROCESSING
) -> tuple[Features, int, list[Warned]]:
    """Return features, the number of images they were computed for, and the warnings."""
    events: list[object] = []
    samples: tuple[Sample, ...] = scan(root).samples
    cpu = torch.device("cpu")
    work = compute_features(root, samples, network, preprocessing, cpu, torch.float32)
    features = run_to_end(work, events.append)
    num_computed = max((event.total for event in events if isinstance(event, Progress)), default=0)
    return features, num_computed, [event for event in events if isinstance(event, Warned)]


def test_each_image_is_computed_once_and_cached(tmp_path: Path) -> None:
    root = write_classes(tmp_path / "data", {"red": 3, "blue": 3})
    first, num_first, _ = _compute(root, _network())
    second, num_second, _ = _compute(root, _network())
    assert (num_first, num_second) == (6, 0)
    assert first.rows.shape == (6, 4, 14, 14)
    assert torch.equal(first.rows, second.rows)
    assert first.labels.tolist() == [0, 0, 0, 1, 1, 1]


def test_an_image_moved_to_another_class_is_computed_again_alone_and_has_its_new_label(tmp_path: Path) -> None:
    root = write_classes(tmp_path / "data", {"red": 3, "blue": 3})
    _compute(root, _network())
    shutil.move(root / "red" / "000.png", root / "blue" / "moved.png")
    features, num_computed, _ = _compute(root, _network())
    assert num_computed == 1
    assert features.labels.tolist() == [0, 0, 0, 0, 1, 1]


def test_an_image_that_was_edited_is_computed_again(tmp_path: Path) -> None:
    root = write_classes(tmp_path / "data", {"red": 3, "blue": 3})
    _compute(root, _network())
    shutil.copy(root / "blue" / "001.png", root / "red" / "001.png")
    assert _compute(root, _network())[1] == 1


def test_other_weights_or_another_preprocessing_have_a_cache_of_their_own(tmp_path: Path) -> None:
    root = write_classes(tmp_path / "data", {"red": 2, "blue": 2})
    squashed = replace(PREPROCESSING, geometry="squash")
    cases = ((0, PREPROCESSING), (1, PREPROCESSING), (0, squashed))
    assert [_compute(root, _network(seed), preprocessing)[1] for seed, preprocessing in cases] == [4, 4, 4]


def test_features_that_another_number_of_threads_computed_are_not_used(tmp_path: Path) -> None:
    root = write_classes(tmp_path / "data", {"red": 2, "blue": 2})
    before = torch.get_num_threads()
    numbers = []
    try:
        for num_threads in (1, 2, 1):
            torch.set_num_threads(num_threads)
            numbers.append(_compute(root, _network())[1])
    finally:
        torch.set_num_threads(before)
    assert numbers == [4, 4, 0]


def test_an_unreadable_image_gives_a_warning_and_is_skipped(tmp_path: Path) -> None:
    root = write_classes(tmp_path / "data", {"red": 2, "blue": 2})
    truncate_file(root / "red" / "001.png")
    features, _, warned = _compute(root, _network())
    assert [warning.path for warning in warned] == ["red/001.png"]
    assert len(features.samples) == len(features.rows) == 3


def test_a_damaged_cache_file_is_ignored(tmp_path: Path) -> None:
    root = write_classes(tmp_path / "data", {"red": 2, "blue": 2})
    _compute(root, _network())
    for path in cache_folder().iterdir():
        truncate_file(path)
    assert _compute(root, _network())[1] == 4


def test_features_of_some_images_stay_cached_when_others_are_requested(tmp_path: Path) -> None:
    root = write_classes(tmp_path / "data", {"red": 3, "blue": 2})
    samples = scan(root).samples
    network = _network()

    def num_computed(requested: Sequence[Sample]) -> int:
        events: list[Event] = []
        work = compute_features(root, requested, network, PREPROCESSING, torch.device("cpu"), torch.float32)
        run_to_end(work, events.append)
        return max((event.total for event in events if isinstance(event, Progress)), default=0)

    assert [num_computed(requested) for requested in (samples[:2], samples[2:], samples[:2], samples)] == [2, 3, 0, 0]


@pytest.mark.parametrize("inode", [0, 7])
def test_images_that_a_file_system_does_not_number_have_features_of_their_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, inode: int
) -> None:
    root = write_classes(tmp_path / "data", {"red": 1, "blue": 1})
    expected = _compute(root, _network())[0].rows
    for path in root.rglob("*.png"):
        content = path.read_bytes()
        path.write_bytes(content + b"\0" * (10_000 - len(content)))
        os.utime(path, ns=(10**18, 10**18))
    stat = Path.stat

    def without_inode(path: Path, **options: bool) -> object:
        status = list(stat(path, **options))
        status[1] = inode
        return os.stat_result(status, {"st_mtime_ns": stat(path, **options).st_mtime_ns})

    monkeypatch.setattr(Path, "stat", without_inode)
    for _ in range(2):
        assert torch.equal(_compute(root, _network())[0].rows, expected)


def test_a_cache_file_that_takes_most_of_the_space_is_replaced_by_a_larger_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = write_classes(tmp_path / "data", {"red": 3, "blue": 2})
    samples, network = scan(root).samples, _network()
    events: list[Event] = []
    for requested in (samples[:4], samples, samples):
        work = compute_features(root, requested, network, PREPROCESSING, torch.device("cpu"), torch.float32)
        run_to_end(work, events.append)
        (path,) = cache_folder().iterdir()
        monkeypatch.setattr(cache, "MAX_CACHE_BYTES", int(1.6 * path.stat().st_size))
    assert [event.total for event in events if isinstance(event, Progress) and event.done == event.total] == [4, 1]
