"""Tests of the sample dataset."""

from pathlib import Path

import numpy as np
from sklearn.linear_model import LogisticRegression

from engine.data.dataset import scan
from engine.data.decode import decode
from engine.data.sample_dataset import NUM_PER_CLASS, PAINTERS, write_sample_dataset


def _pixels(root: Path, split: str) -> tuple[np.ndarray, np.ndarray]:
    samples = [sample for sample in scan(root).samples if sample.split == split]
    pixels = np.stack([decode(root / sample.path)[::2, ::2].ravel() for sample in samples]) / 255
    return pixels, np.array([sample.label for sample in samples])


def test_the_sample_dataset_has_six_classes_in_three_splits(tmp_path: Path) -> None:
    list(write_sample_dataset(tmp_path))
    dataset = scan(tmp_path)
    assert len(dataset.classes) == len(PAINTERS) == 6
    for split, count in NUM_PER_CLASS.items():
        assert dataset.counts(split) == [count] * 6  # type: ignore[arg-type]


def test_the_same_seed_draws_the_same_images(tmp_path: Path) -> None:
    for name in ("one", "two"):
        list(write_sample_dataset(tmp_path / name, seed=3))
    one, two = _pixels(tmp_path / "one", "test"), _pixels(tmp_path / "two", "test")
    assert np.array_equal(one[0], two[0])


def test_a_linear_model_on_pixels_performs_badly(tmp_path: Path) -> None:
    list(write_sample_dataset(tmp_path))
    model = LogisticRegression(max_iter=300, C=0.01).fit(*_pixels(tmp_path, "train"))
    assert model.score(*_pixels(tmp_path, "val")) < 0.5
