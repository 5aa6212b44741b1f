"""Tests of the batch source over images, on a folder of small images and a tiny network."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import Tensor

from engine.data.dataset import Dataset, Sample
from engine.ml.loading.augment import AugmentOptions
from engine.ml.loading.loader import Batch
from engine.ml.models.build import Classifier
from engine.ml.training.batch_source import ImageBatchSource
from engine.ml.training.options import StepOptions
from engine.ml.training.setup import TrainingSetup
from tests.engine.ml.training.tiny_state import IMAGE_SIZE, make_model, make_state
from tests.images import write_classes

CLASSES = ("blue", "green", "red")


@pytest.fixture
def dataset(tmp_path: Path) -> Dataset:
    """Return 9 training images and 3 validation images."""
    root = write_classes(tmp_path / "data", dict.fromkeys(CLASSES, 4))
    samples = [
        Sample(f"{name}/{number:03}.png", label, "val" if number == 3 else "train")
        for label, name in enumerate(CLASSES)
        for number in range(4)
    ]
    return Dataset(root, CLASSES, tuple(samples))


def _make_setup(step: StepOptions | None = None, augment: AugmentOptions | None = None, seed: int = 0) -> TrainingSetup:
    setup = make_state(batch_size=4, seed=seed).setup
    return replace(setup, step=step or StepOptions(), augment=augment or AugmentOptions())


def _make_source(dataset: Dataset, setup: TrainingSetup | None = None) -> ImageBatchSource:
    setup = setup or _make_setup()
    return ImageBatchSource(setup, dataset, setup.model)


def _paths(batches: list[Batch]) -> list[str]:
    return [sample.path for batch in batches for sample in batch.samples]


def _train_batches(source: ImageBatchSource, epoch: int = 1, first: int = 0) -> list[Batch]:
    return list(source.train_batches(epoch, first))


def _delete_images(dataset: Dataset) -> None:
    for sample in dataset.samples:
        (dataset.root / sample.path).unlink()


def test_an_epoch_holds_every_training_image_once(dataset: Dataset) -> None:
    batches = _train_batches(_make_source(dataset))
    assert [len(batch.samples) for batch in batches] == [3, 3, 3], "no batch has more than 4 images"
    assert sorted(_paths(batches)) == sorted(sample.path for sample in dataset.of_split("train"))


def test_the_order_of_an_epoch_depends_on_its_number_and_the_seed(dataset: Dataset) -> None:
    source, other_seed = _make_source(dataset), _make_source(dataset, _make_setup(seed=1))
    assert _paths(_train_batches(source, 1)) == _paths(_train_batches(source, 1))
    assert _paths(_train_batches(source, 1)) != _paths(_train_batches(source, 2))
    assert _paths(_train_batches(source, 1)) != _paths(_train_batches(other_seed, 1))


def test_the_random_augmentation_parameters_depend_on_the_epoch_and_the_seed(dataset: Dataset) -> None:
    def parameters(source: ImageBatchSource, epoch: int) -> set[float]:
        batches = _train_batches(source, epoch)
        return {value for batch in batches for value in batch.parameters.flatten().tolist()}  # type: ignore[union-attr]

    source, other_seed = _make_source(dataset), _make_source(dataset, _make_setup(seed=1))
    assert parameters(source, 1) == parameters(source, 1)
    assert parameters(source, 1).isdisjoint(parameters(source, 2))
    assert parameters(source, 1).isdisjoint(parameters(other_seed, 1))


def test_a_resumed_epoch_has_the_remaining_batches(dataset: Dataset) -> None:
    source = _make_source(dataset)
    assert _paths(_train_batches(source, 2, first=1)) == _paths(_train_batches(source, 2))[3:]


def test_training_and_validation_images_are_decoded_once(dataset: Dataset) -> None:
    source = _make_source(dataset)
    first = _train_batches(source), list(source.val_batches())
    _delete_images(dataset)
    second = _train_batches(source), list(source.val_batches())
    for before, after in zip(first, second):
        assert _paths(before) == _paths(after)
        assert all(torch.equal(old.inputs, new.inputs) for old, new in zip(before, after))


def test_images_cached_in_a_file_are_reused_by_the_next_run(dataset: Dataset, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("engine.ml.loading.image_cache._choose_storage", lambda *_: "file")
    first = _make_source(dataset)
    train = _train_batches(first)
    for _ in range(2):  # the cache of validation images is saved at the start of the next validation
        val = list(first.val_batches())
    monkeypatch.setattr("engine.ml.loading.loader.decode", None)
    second = _make_source(dataset)
    assert all(torch.equal(old.inputs, new.inputs) for old, new in zip(train, _train_batches(second), strict=True))
    assert all(torch.equal(old.inputs, new.inputs) for old, new in zip(val, second.val_batches(), strict=True))


def test_images_cached_in_a_file_are_decoded_again_for_another_preprocessing(
    dataset: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("engine.ml.loading.image_cache._choose_storage", lambda *_: "file")
    inputs = {}
    for geometry in ("crop", "pad"):
        setup = _make_setup()
        setup = replace(setup, preprocessing=replace(setup.preprocessing, geometry=geometry))
        source = _make_source(dataset, setup)
        inputs[geometry] = [*_train_batches(source), *source.val_batches(), *source.val_batches()]
    for crop, pad in zip(inputs["crop"], inputs["pad"], strict=True):
        assert not torch.equal(crop.inputs, pad.inputs)


def test_validation_has_the_validation_images_in_order(dataset: Dataset) -> None:
    source = _make_source(dataset)
    (batch,) = source.val_batches()
    assert batch.samples == source.val_samples == dataset.of_split("val")
    assert batch.inputs.shape == (3, 3, IMAGE_SIZE, IMAGE_SIZE)


def test_as_many_clean_training_images_as_validation_images_are_loaded_without_augmentation(dataset: Dataset) -> None:
    source = _make_source(dataset)
    (batch,) = source.clean_train_batches()
    assert [sample.path for sample in batch.samples] == [f"{name}/000.png" for name in CLASSES]
    assert batch.samples == source.clean_train_samples
    assert batch.parameters is None
    assert batch.inputs.shape == (3, 3, IMAGE_SIZE, IMAGE_SIZE)


def test_each_process_loads_its_share_of_every_batch(dataset: Dataset, monkeypatch: pytest.MonkeyPatch) -> None:
    source = _make_source(dataset)
    whole = [_paths(list(batches)) for batches in (_train_batches(source), source.val_batches())]
    clean = _paths(list(source.clean_train_batches()))
    monkeypatch.setattr("engine.ml.training.batch_source.shard", lambda items: list(items)[1::2])
    assert _paths(_train_batches(source)) == [
        path for start in (0, 3, 6) for path in whole[0][start + 1 : start + 3 : 2]
    ]
    assert _paths(list(source.val_batches())) == whole[1][1::2]
    assert _paths(list(source.clean_train_batches())) == clean[1::2]


@pytest.mark.parametrize(
    ("step", "uses_mixup"),
    [(StepOptions(), False), (StepOptions(mixup_alpha=0.1), True), (StepOptions(cutmix_alpha=0.1), True)],
)
def test_batches_are_mixed_if_mixup_or_cutmix_is_on(dataset: Dataset, step: StepOptions, uses_mixup: bool) -> None:
    assert _make_source(dataset, _make_setup(step)).uses_mixup is uses_mixup


def _input_of_grey(dataset: Dataset, augment: AugmentOptions) -> Tensor:
    """Return the network input of two canvases of the grey value 102."""
    source = _make_source(dataset, _make_setup(augment=augment))
    batch = _train_batches(source)[0]
    return source.to_input(replace(batch, inputs=torch.full_like(batch.inputs, 102)))


def test_training_input_is_normalised(dataset: Dataset) -> None:
    inputs = _input_of_grey(dataset, AugmentOptions())
    assert inputs.dtype == torch.float32
    assert inputs.shape == (3, 3, IMAGE_SIZE, IMAGE_SIZE)
    assert inputs.is_contiguous(memory_format=torch.channels_last)
    torch.testing.assert_close(inputs, torch.full_like(inputs, (0.4 - 0.5) / 0.5), rtol=0, atol=1e-5)


def test_training_input_is_augmented_by_the_random_parameters_of_each_image(dataset: Dataset) -> None:
    inputs = _input_of_grey(dataset, AugmentOptions(brightness=0.5))
    brightness = inputs.mean((1, 2, 3))
    assert len(set(brightness.tolist())) == 3
    assert torch.equal(inputs, _input_of_grey(dataset, AugmentOptions(brightness=0.5)))


def test_training_logits_are_those_of_the_network_and_not_of_the_model_that_it_wraps(dataset: Dataset) -> None:
    setup = _make_setup()
    wrapper = torch.nn.Sequential(setup.model, torch.nn.Softmax(dim=1))
    logits = ImageBatchSource(setup, dataset, wrapper).forward(torch.randn(2, 3, IMAGE_SIZE, IMAGE_SIZE))
    torch.testing.assert_close(logits.sum(1), torch.ones(2))


def test_validation_logits_are_those_of_the_given_model_in_eval_mode(dataset: Dataset) -> None:
    source, model = _make_source(dataset), make_model()
    assert isinstance(model, Classifier)
    torch.nn.init.ones_(model.head.bias)
    model.eval()
    (batch,) = source.val_batches()
    expected = model((batch.inputs / 255 - 0.5) / 0.5)
    torch.testing.assert_close(source.eval_forward(model)(batch.inputs), expected, rtol=1e-4, atol=1e-5)
