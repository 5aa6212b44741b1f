"""Tests of loading batches."""

from pathlib import Path

import pytest
import torch

from engine.data.dataset import Sample, scan
from engine.ml.loading.image_cache import ImageCache
from engine.ml.loading.loader import (
    chunks_in_order,
    eval_loader,
    load_batches,
    num_steps,
    shuffled_chunks,
    train_loader,
)
from engine.ml.models.preprocessing import Preprocessing
from tests.images import truncate_file, write_classes

PREPROCESSING = Preprocessing(16, "crop", (0.5, 0.5, 0.5), (0.5, 0.5, 0.5))
SAMPLES = [Sample(f"{i}.png", i % 3) for i in range(33)]


def test_an_epoch_has_every_sample_once() -> None:
    chunks = shuffled_chunks(SAMPLES, 8, seed=0, epoch=1)
    assert sorted(sample.path for chunk in chunks for sample in chunk) == sorted(sample.path for sample in SAMPLES)
    assert len(chunks) == num_steps(33, 8) == 5


def test_no_batch_has_a_single_image() -> None:
    for num_samples in range(2, 34):
        sizes = [len(chunk) for chunk in shuffled_chunks(SAMPLES[:num_samples], 8, 0, 1)]
        assert max(sizes) <= 8
        assert max(sizes) - min(sizes) <= 1
        assert min(sizes) >= 2


def test_the_order_depends_only_on_seed_and_epoch() -> None:
    assert shuffled_chunks(SAMPLES, 8, 0, 1) == shuffled_chunks(SAMPLES, 8, 0, 1)
    assert shuffled_chunks(SAMPLES, 8, 0, 1) != shuffled_chunks(SAMPLES, 8, 0, 2)
    assert shuffled_chunks(SAMPLES, 8, 0, 1) != shuffled_chunks(SAMPLES, 8, 1, 1)


def test_evaluation_keeps_the_order() -> None:
    chunks = chunks_in_order(SAMPLES, 10)
    assert [sample for chunk in chunks for sample in chunk] == SAMPLES
    assert [len(chunk) for chunk in chunks] == [10, 10, 10, 3]


def test_unreadable_images_are_listed_and_their_labels_dropped(tmp_path: Path) -> None:
    root = write_classes(tmp_path, {"red": 5, "blue": 5})
    truncate_file(root / "red" / "001.png")
    samples = scan(root).samples
    batches = list(load_batches(chunks_in_order(samples, 4), eval_loader(root, PREPROCESSING)))
    assert [image.path for batch in batches for image in batch.unreadable] == ["red/001.png"]
    for batch in batches:
        assert batch.labels.tolist() == [sample.label for sample in batch.samples]
        assert len(batch.inputs) == len(batch.samples)


def test_a_batch_of_unreadable_images_is_empty(tmp_path: Path) -> None:
    root = write_classes(tmp_path, {"red": 2})
    for path in (root / "red").iterdir():
        truncate_file(path)
    (batch,) = load_batches(chunks_in_order(scan(root).samples), eval_loader(root, PREPROCESSING))
    assert (len(batch.inputs), len(batch.samples), len(batch.unreadable)) == (0, 0, 2)


@pytest.mark.parametrize("epoch", [1, 2])
def test_random_parameters_differ_between_epochs_and_images_and_are_reproducible(tmp_path: Path, epoch: int) -> None:
    root = write_classes(tmp_path, {"red": 2})
    samples = scan(root).samples
    cache = ImageCache(root, samples, (3, 19, 19), "", torch.device("cpu"))

    def parameters(epoch: int) -> torch.Tensor:
        (batch,) = load_batches([samples], train_loader(root, PREPROCESSING, cache, seed=0, epoch=epoch))
        assert batch.parameters is not None
        return batch.parameters

    assert torch.equal(parameters(epoch), parameters(epoch))
    assert not torch.equal(parameters(epoch), parameters(epoch + 1))
    assert not torch.equal(*parameters(epoch))
