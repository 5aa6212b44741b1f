"""Tests of the cache of features."""

import shutil
from collections.abc import Sequence
from pathlib import Path

import torch
from torch import nn

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


def _compute(root: Path, network: nn.Module, mirrored: bool = True) -> tuple[Features, int, list[Warned]]:
    """Return features, the number of images they were computed for, and the warnings."""
    events: list[object] = []
    samples: tuple[Sample, ...] = scan(root).samples
    cpu = torch.device("cpu")
    work = compute_features(root, samples, network, PREPROCESSING, cpu, torch.float32, mirrored)
    features = run_to_end(work, events.append)
    num_computed = max((event.total for event in events if isinstance(event, Progress)), default=0)
    return features, num_computed, [event for event in events if isinstance(event, Warned)]


def test_both_views_of_each_image_are_computed_once_and_cached(tmp_path: Path) -> None:
    root = write_classes(tmp_path / "data", {"red": 3, "blue": 3})
    first, num_first, _ = _compute(root, _network())
    second, num_second, _ = _compute(root, _network())
    assert (num_first, num_second) == (6, 0)
    assert first.rows.shape == (6, 2, 4, 14, 14)
    assert torch.equal(first.rows, second.rows)
    assert first.labels.tolist() == [0, 0, 0, 1, 1, 1]


def test_an_image_moved_to_another_class_is_not_computed_again_and_has_its_new_label(tmp_path: Path) -> None:
    root = write_classes(tmp_path / "data", {"red": 3, "blue": 3})
    _compute(root, _network())
    shutil.move(root / "red" / "000.png", root / "blue" / "moved.png")
    features, num_computed, _ = _compute(root, _network())
    assert num_computed == 0
    assert features.labels.tolist() == [0, 0, 0, 0, 1, 1]


def test_an_image_that_was_edited_is_computed_again(tmp_path: Path) -> None:
    root = write_classes(tmp_path / "data", {"red": 3, "blue": 3})
    _compute(root, _network())
    shutil.copy(root / "blue" / "001.png", root / "red" / "001.png")
    assert _compute(root, _network())[1] == 1


def test_other_weights_or_views_have_a_cache_of_their_own(tmp_path: Path) -> None:
    root = write_classes(tmp_path / "data", {"red": 2, "blue": 2})
    assert [_compute(root, _network(seed), mirrored)[1] for seed, mirrored in ((0, True), (1, True), (0, False))] == [
        4,
        4,
        4,
    ]


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
        work = compute_features(root, requested, network, PREPROCESSING, torch.device("cpu"), torch.float32, False)
        run_to_end(work, events.append)
        return max((event.total for event in events if isinstance(event, Progress)), default=0)

    assert [num_computed(requested) for requested in (samples[:2], samples[2:], samples[:2], samples)] == [2, 3, 0, 0]
