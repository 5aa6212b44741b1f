"""Tests of preparing a run: model, device, precision and seeds, on a small network and small images."""

import inspect
import math
from collections.abc import Callable, Generator, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from engine.config.backbones import find_backbone
from engine.config.settings import RunConfig
from engine.core.event_stream import run_to_end
from engine.core.events import Best, Event, Warned
from engine.data.dataset import Dataset
from engine.ml.evaluation.temperature import calibrate
from engine.ml.models.build import Classifier
from engine.ml.runtime.precision import PrecisionChoice, choose_precision
from engine.ml.training.setup import TrainingSetup, make_preprocessing, prepare_run
from tests.engine.ml.training.training_runs import TINY, make_dataset
from tests.scratch_config import scratch_config

FLOAT32 = PrecisionChoice(torch.float32, "of the checkpoint", torch.contiguous_format)


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    return make_dataset(tmp_path_factory.mktemp("images") / "data")


def _prepare(dataset: Dataset, config: RunConfig = TINY, precision: PrecisionChoice | None = FLOAT32) -> TrainingSetup:
    return run_to_end(prepare_run(config, dataset, precision))


def _weights(setup: TrainingSetup) -> Tensor:
    return torch.cat([parameter.detach().flatten() for parameter in setup.model.parameters()])


def test_the_model_has_the_classes_image_size_and_dropout_of_the_run(dataset: Dataset) -> None:
    setup = _prepare(dataset, TINY.changed("model", dropout=0.4))
    assert setup.model.head.out_features == 3
    assert setup.model.head.dropout == 0.4
    assert setup.preprocessing.image_size == 16
    assert setup.device == torch.device("cpu")


def test_the_backbone_of_the_settings_is_built(dataset: Dataset) -> None:
    config = TINY.changed("model", backbone="squeezenet1_1").changed("data", image_size=32)
    assert _prepare(dataset, config).model.original_head_name == "classifier.1"


def test_preprocessing_follows_the_settings_and_the_backbone() -> None:
    config = scratch_config().changed("data", image_size=None, geometry="pad")
    backbone = find_backbone(config.model.backbone)
    preprocessing = make_preprocessing(config, None)
    assert (preprocessing.image_size, preprocessing.geometry) == (backbone.image_size, "pad")
    assert (preprocessing.mean, preprocessing.std) == (backbone.mean, backbone.std)
    assert make_preprocessing(config.changed("data", image_size=48), None).image_size == 48


def test_weights_and_random_numbers_of_a_run_depend_on_its_seed_only(dataset: Dataset) -> None:
    results = []
    for seed in (0, 0, 1):
        torch.manual_seed(123)
        torch.rand(len(results))
        setup = _prepare(dataset, TINY.changed("training", seed=seed))
        results.append(torch.cat([_weights(setup), torch.rand(8)]))
    assert torch.equal(results[0], results[1])
    assert not torch.equal(results[0][:-8], results[2][:-8])
    assert not torch.equal(results[0][-8:], results[2][-8:])


def test_random_numbers_after_the_preparation_do_not_depend_on_the_network(dataset: Dataset) -> None:
    numbers = []
    for backbone in ("se_resnet", "squeezenet1_1"):
        _prepare(dataset, TINY.changed("model", backbone=backbone).changed("data", image_size=32))
        numbers.append(torch.rand(8))
    assert torch.equal(*numbers)


@pytest.mark.parametrize(("dtype", "is_scaled"), [(torch.float32, False), (torch.float16, True)])
def test_only_float16_scales_the_loss(dataset: Dataset, dtype: torch.dtype, is_scaled: bool) -> None:
    setup = _prepare(dataset, precision=PrecisionChoice(dtype, "as set"))
    assert setup.scaler.is_enabled() == is_scaled
    assert setup.dtype == dtype


@pytest.mark.parametrize("layout", [torch.channels_last, torch.contiguous_format])
def test_weights_have_the_memory_layout_of_the_chosen_precision(dataset: Dataset, layout: torch.memory_format) -> None:
    setup = _prepare(dataset, precision=PrecisionChoice(torch.float32, "as set", layout))
    assert setup.layout == layout
    kernels = [p for p in setup.model.parameters() if p.ndim == 4 and p.shape[1] > 1 and p.shape[2] > 1]
    assert kernels
    assert all(kernel.is_contiguous(memory_format=layout) for kernel in kernels)


def test_the_settings_reach_the_setup(dataset: Dataset) -> None:
    config = TINY.changed("optim", clip_norm=0.7, lr=0.3).changed("augment", hue=0.2).changed("training", epochs=9)
    setup = _prepare(dataset, config)
    assert (setup.step.clip_norm, setup.optimizer.lr, setup.augment.hue, setup.plan.epochs) == (0.7, 0.3, 0.2, 9)
    assert setup.config == config.changed("training", precision="float32", threads=torch.get_num_threads())


def test_model_metadata_have_preprocessing_and_inference_precision_of_the_run(dataset: Dataset) -> None:
    setup = _prepare(dataset, precision=PrecisionChoice(torch.bfloat16, "as set"))
    best = Best(epoch=1, accuracy=0.5, loss=1.0)
    calibration = calibrate(torch.eye(3), torch.arange(3))
    metadata = setup.make_metadata(("a", "b", "c"), best, calibration)
    assert (metadata.best, metadata.calibration) == (best, calibration)
    assert (metadata.classes, metadata.image_size, metadata.precision) == (("a", "b", "c"), 16, "bfloat16")
    assert metadata.config == setup.config
    assert metadata.started_from == setup.started_from == "random weights"


def test_the_name_of_the_device_is_its_type_unless_it_is_a_gpu(
    dataset: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    setup = _prepare(dataset)
    assert setup.device_name == "cpu"
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda device: f"name of {device}")
    assert replace(setup, device=torch.device("cuda", 1)).device_name == "name of cuda:1"


@pytest.mark.parametrize("precision", [None, FLOAT32], ids=["new", "resumed"])
def test_a_new_run_loads_pretrained_weights_and_a_resumed_one_does_not(
    dataset: Dataset, precision: PrecisionChoice | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    def load(
        model: Classifier, backbone: object, weights: str, classes: tuple[str, ...]
    ) -> Generator[Event, None, None]:
        assert (backbone, weights, classes) == (find_backbone("se_resnet"), "default", dataset.classes)
        nn.init.ones_(model.head.bias)
        yield Warned(message="loaded")

    monkeypatch.setattr("engine.ml.training.setup.load_pretrained", load)
    events: list[Event] = []
    setup = run_to_end(prepare_run(TINY.changed("model", weights="default"), dataset, precision), events.append)
    is_new = precision is None
    assert events == ([Warned(message="loaded")] if is_new else [])
    assert setup.model.head.bias.tolist() == [float(is_new)] * 3


@pytest.fixture
def comparison(monkeypatch: pytest.MonkeyPatch) -> Callable[[Dataset, RunConfig], dict[str, object]]:
    """Return a function that prepares a run and returns the arguments that its precision was chosen with."""

    def prepare(dataset: Dataset, config: RunConfig) -> dict[str, object]:
        calls: list[dict[str, object]] = []
        names = list(inspect.signature(choose_precision).parameters)

        def choose(*arguments: object, **options: object) -> PrecisionChoice:
            calls.append(dict(zip(names, arguments)) | options)
            return FLOAT32

        monkeypatch.setattr("engine.ml.training.setup.choose_precision", choose)
        monkeypatch.setattr("engine.ml.training.setup.load_pretrained", lambda *_: iter(()))
        assert _prepare(dataset, config, None).precision == FLOAT32
        (call,) = calls
        return call

    return prepare


@pytest.mark.parametrize("mode", ["full", "quick"])
def test_precisions_are_compared_on_the_first_eight_normalised_training_images(
    dataset: Dataset, comparison: Callable[[Dataset, RunConfig], dict[str, object]], mode: str
) -> None:
    call = comparison(dataset, TINY.changed("training", precision="auto", mode=mode))
    images = call["images"]
    assert isinstance(images, Tensor)
    assert images.shape == (8, 3, 16, 16)
    assert images.dtype == torch.float32
    assert -3 < images.min() < 0 < images.max() < 3
    assert (call["requested"], call["device"], call["backbone"]) == ("auto", torch.device("cpu"), "se_resnet")


@pytest.mark.parametrize(
    ("weights", "training", "is_whole", "num_passes", "trains_backbone", "uses_batch_statistics"),
    [
        ("none", {"epochs": 3}, True, 3 * (3 * 27 + 9), True, True),
        ("default", {"epochs": 3}, False, 3 * (3 * 27 + 9), True, False),
        ("default", {"epochs": 3, "mode": "head"}, True, 3 * (27 + 9), False, False),
        ("default", {"epochs": 3, "mode": "quick"}, False, 27 + 9, False, False),
        ("default", {"budget": "5m"}, False, math.inf, True, False),
        ("default", {"budget": "5m", "mode": "head"}, True, math.inf, False, False),
    ],
)
def test_the_precision_depends_on_the_work_and_the_kind_of_the_run(
    dataset: Dataset,
    comparison: Callable[[Dataset, RunConfig], dict[str, object]],
    weights: str,
    training: dict[str, object],
    is_whole: bool,
    num_passes: float,
    trains_backbone: bool,
    uses_batch_statistics: bool,
) -> None:
    call = comparison(dataset, TINY.changed("training", **training).changed("model", weights=weights))
    assert isinstance(call["network"], Classifier) == is_whole
    assert call["multiply_adds"] == pytest.approx(num_passes * 144e6 / 36)
    assert (call["trains_backbone"], call["uses_batch_statistics"]) == (trains_backbone, uses_batch_statistics)


@pytest.fixture
def three_threads(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A machine of three cores."""
    before = torch.get_num_threads()
    monkeypatch.setattr("engine.ml.runtime.threads.num_compute_threads", lambda: 3)
    yield
    torch.set_num_threads(before)


@pytest.mark.parametrize(("requested", "expected"), [(0, 3), (2, 2)])
def test_precision_and_threads_that_were_chosen_are_in_the_settings(
    dataset: Dataset, three_threads: None, requested: int, expected: int
) -> None:
    config = TINY.changed("training", threads=requested, precision="auto")
    setup = _prepare(dataset, config, PrecisionChoice(torch.bfloat16, "for this device"))
    assert setup.config == config.changed("training", threads=expected, precision="bfloat16")
    assert torch.get_num_threads() == expected


def test_a_run_whose_first_images_cannot_be_read_stays_in_float32(tmp_path: Path) -> None:
    dataset = make_dataset(tmp_path / "data")
    for sample in dataset.of_split("train"):
        (dataset.root / sample.path).write_bytes(b"")
    precision = _prepare(dataset, precision=None).precision
    assert precision.dtype == torch.float32
    assert precision.reason == "the first images could not be read"
