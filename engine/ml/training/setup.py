"""Everything a run needs before its first step: device, network, start weights, precision."""

from collections.abc import Generator
from dataclasses import dataclass

import torch

from engine.config.backbones import find_backbone
from engine.config.settings import RunConfig
from engine.core.events import Event
from engine.data.dataset import Dataset
from engine.ml.loading.loader import eval_loader, load_batches
from engine.ml.models.build import Classifier, build_model
from engine.ml.models.preprocessing import Preprocessing, normalise
from engine.ml.models.pretrained import load_pretrained
from engine.ml.runtime import distributed
from engine.ml.runtime.device import choose_device
from engine.ml.runtime.memory import keep_freed_memory
from engine.ml.runtime.precision import PrecisionChoice, choose_precision
from engine.ml.training.optim import make_optimizer, parameter_groups

_TRIAL_BATCH = 8


@dataclass(frozen=True)
class TrainingSetup:
    """The parts of a run that are made once."""

    device: torch.device
    precision: PrecisionChoice
    model: Classifier
    preprocessing: Preprocessing
    scaler: torch.amp.GradScaler

    @property
    def dtype(self) -> torch.dtype:
        """Type of the multiplications while training."""
        return self.precision.dtype

    @property
    def inference_dtype(self) -> torch.dtype:
        """Type of the multiplications while measuring; the model file asks for the same in prediction."""
        return self.precision.inference_dtype

    @property
    def layout(self) -> torch.memory_format:
        """Order of images in memory."""
        return self.precision.layout

    @property
    def device_name(self) -> str:
        """The device in words."""
        return torch.cuda.get_device_name(self.device) if self.device.type == "cuda" else self.device.type


def make_preprocessing(config: RunConfig) -> Preprocessing:
    """Return the preprocessing for these settings; raise EngineError where the backbone cannot take the size."""
    backbone = find_backbone(config.model.backbone)
    image_size = config.data.image_size or backbone.image_size
    backbone.check_image_size(image_size)
    return Preprocessing(image_size, config.data.geometry, backbone.mean, backbone.std)


def prepare_run(
    config: RunConfig, dataset: Dataset, precision: PrecisionChoice | None = None
) -> Generator[Event, None, TrainingSetup]:
    """Build everything for a run, telling of downloads and of weights that did not fit.

    With the `precision` of a run that goes on, none is tried and no start weights are read: its own come from the
    checkpoint.
    """
    keep_freed_memory()
    torch.manual_seed(config.training.seed)
    backbone = find_backbone(config.model.backbone)
    preprocessing = make_preprocessing(config)
    device = choose_device(config.training.device)
    model = build_model(backbone.name, len(dataset.classes), preprocessing.image_size, config.model.dropout)
    if precision is None:
        yield from load_pretrained(model, backbone, config.model.weights)
    model.to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
    precision = precision or _choose_precision(config, dataset, model, preprocessing, device)
    model.to(memory_format=precision.layout)
    scaler = torch.amp.GradScaler(device.type, enabled=precision.dtype == torch.float16)
    torch.manual_seed(config.training.seed)
    return TrainingSetup(device, precision, model, preprocessing, scaler)


def begins_quickly(config: RunConfig) -> bool:
    """A time budget begins with what gives a good model at once: the last block, on activations of start weights."""
    training = config.training
    is_transfer = config.model.weights != "none" and training.mode == "full"
    return training.budget_seconds is not None and is_transfer and distributed.world_size() == 1


def make_run_optimizer(config: RunConfig, model: Classifier, lr: float) -> torch.optim.Optimizer:
    """Return the optimizer of what learns in `model`, whose head has the rate `lr`."""
    # Without start weights the first layers have everything to learn, so none is slowed down
    layer_decay = 1.0 if config.model.weights == "none" else config.optim.layer_decay
    groups = parameter_groups(model, lr, config.optim.weight_decay, layer_decay)
    return make_optimizer(config.optim.name, groups, lr, config.optim.momentum)


def _choose_precision(
    config: RunConfig, dataset: Dataset, model: Classifier, preprocessing: Preprocessing, device: torch.device
) -> PrecisionChoice:
    train, val = dataset.of_split("train"), dataset.of_split("val")
    (batch,) = load_batches([train[:_TRIAL_BATCH]], eval_loader(dataset.root, preprocessing))
    if not batch.samples:
        return PrecisionChoice(torch.float32, "the first images could not be read")
    images = normalise(batch.inputs.to(device), preprocessing)
    training = config.training
    if training.mode == "quick" or begins_quickly(config):
        # The first score is worth more than a trial of the backward pass
        num_images = 2 * len(train) + len(val)
        return choose_precision(training.precision, device, model.backbone, images, num_images, with_backward=False)
    num_images = training.epochs * len(train) if training.budget_seconds is None else 10**6
    return choose_precision(training.precision, device, model, images, num_images, with_backward=True)
