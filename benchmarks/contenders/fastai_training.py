"""Training with fastai's `fine_tune`, as in its documentation: one epoch of the head, then all layers."""

from pathlib import Path
from typing import Any

import fastai.callback.progress
import fastai.callback.schedule  # noqa: F401 - adds fine_tune to Learner
import timm
import torch
from fastai.callback.core import Callback
from fastai.data.block import CategoryBlock, DataBlock
from fastai.data.transforms import IndexSplitter, Normalize
from fastai.learner import Learner
from fastai.metrics import accuracy
from fastai.torch_core import set_seed
from fastai.vision.augment import Resize, aug_transforms
from fastai.vision.core import imagenet_stats
from fastai.vision.data import ImageBlock
from fastai.vision.learner import default_split, vision_learner
from torchvision.models import get_model

from benchmarks.contenders.task import Clock, Task, print_measurement, task_from_arguments
from engine.config.backbones import INCLUDED_BACKBONE
from engine.ml.models.included_weights import read_included_weights

CUTS = {"mobilenet_v2": -1, "resnet18": -2}
"""Negative number of the network's last children that are pooling and head."""


class Reporter(Callback):
    """Prints accuracy, time and training speed after each validation."""

    def __init__(self, clock: Clock, num_train: int) -> None:
        self.clock, self.num_train = clock, num_train

    def before_train(self) -> None:
        """Store the start time of the training part of an epoch."""
        self.train_start = self.clock.seconds

    def after_train(self) -> None:
        """Compute the training speed of the epoch."""
        self.images_per_second = self.num_train / (self.clock.seconds - self.train_start)

    def after_validate(self) -> None:
        """Print the measurement of the epoch."""
        print_measurement(
            seconds=self.clock.seconds,
            accuracy=float(self.learn.recorder.metrics[0].value),
            images_per_second=self.images_per_second,
        )


def make_learner(task: Task) -> tuple[Learner, int]:
    """Return a learner for the task and its number of training images."""
    dataset = task.dataset
    samples = [sample for sample in dataset.samples if sample.split != "test"]
    val = [position for position, sample in enumerate(samples) if sample.split == "val"]
    is_included = task.backbone == INCLUDED_BACKBONE
    block = DataBlock(
        blocks=(ImageBlock, CategoryBlock),
        get_x=lambda sample: dataset.root / sample.path,
        get_y=lambda sample: dataset.classes[sample.label],
        splitter=IndexSplitter(val),
        item_tfms=Resize(task.image_size),
        batch_tfms=[*aug_transforms(), Normalize.from_stats(*([[0.5] * 3] * 2 if is_included else imagenet_stats))],
    )
    loaders = block.dataloaders(samples, bs=task.batch_size)

    def architecture(**_: Any) -> torch.nn.Module:
        # fastai splits a network at its pooling layer, which must be one of its children
        return torch.nn.Sequential(*_body(task), torch.nn.AdaptiveAvgPool2d(1))

    learner = vision_learner(
        loaders,
        architecture,
        metrics=accuracy,
        splitter=default_split,
        normalize=False,
    )
    return learner, len(loaders.train_ds)


def _body(task: Task) -> list[torch.nn.Module]:
    """Return the layers of the network up to its pooling, with pretrained weights."""
    if task.backbone == INCLUDED_BACKBONE:
        network = timm.create_model("tf_efficientnet_lite0", num_classes=0, global_pool="")
        tensors = read_included_weights(Path(task.weights))[:-2]
        network.load_state_dict(dict(zip(network.state_dict(), tensors, strict=True)))
        return list(network.children())
    network = get_model(task.backbone)
    if task.weights != "none":
        network.load_state_dict(torch.load(task.weights, weights_only=True))
    return list(network.children())[: CUTS[task.backbone]]


def main() -> None:
    """Fine-tune and print a measurement after every epoch."""
    task = task_from_arguments()
    set_seed(task.seed)
    learner, num_train = make_learner(task)
    with learner.no_bar(), learner.no_logging():
        reporter = Reporter(Clock(), num_train)
        if task.weights == "none":
            learner.unfreeze()
            learner.fit_one_cycle(task.epochs, cbs=reporter)
        else:
            learner.fine_tune(task.epochs - 1, cbs=reporter)


if __name__ == "__main__":
    main()
