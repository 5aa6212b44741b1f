"""Everything a run needs before its first step: device, network, start weights, optimizer."""

from collections.abc import Generator
from dataclasses import dataclass

import torch

from engine.catalog import find_backbone
from engine.config import RunConfig
from engine.dataset import Dataset
from engine.events import Event
from engine.ml.device import choose_device, choose_precision
from engine.ml.models import Classifier, build_model, set_trainable
from engine.ml.optim import make_optimizer, parameter_groups
from engine.ml.transforms import Preprocessing
from engine.ml.weights import load_start_weights


@dataclass(frozen=True)
class Setup:
    """The parts of a run that are made once."""

    device: torch.device
    dtype: torch.dtype
    """Type of the multiplications while training; measuring is always float32."""
    model: Classifier
    preprocessing: Preprocessing
    optimizer: torch.optim.Optimizer
    scaler: torch.amp.GradScaler

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


def prepare_run(config: RunConfig, dataset: Dataset) -> Generator[Event, None, Setup]:
    """Build everything for a run, telling of downloads and of weights that did not fit."""
    torch.manual_seed(config.training.seed)
    backbone = find_backbone(config.model.backbone)
    preprocessing = make_preprocessing(config)
    device = choose_device(config.training.device)
    dtype = choose_precision(config.training.precision, device)
    model = build_model(backbone.name, len(dataset.classes), preprocessing.image_size, config.model.dropout)
    yield from load_start_weights(model, backbone, config.model.weights)
    set_trainable(model, head_only=config.training.mode != "full")
    model.to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
    # Without start weights the first layers have everything to learn, so none is slowed down
    layer_decay = 1.0 if config.model.weights == "none" else config.optim.layer_decay
    groups = parameter_groups(model, config.optim.lr, config.optim.weight_decay, layer_decay)
    optimizer = make_optimizer(config.optim.name, groups, config.optim.lr, config.optim.momentum)
    scaler = torch.amp.GradScaler(device.type, enabled=dtype == torch.float16)
    return Setup(device, dtype, model, preprocessing, optimizer, scaler)
