"""fastai's `fine_tune`, as its documentation shows it: one epoch of the head, then all layers."""

from typing import Any

import fastai.callback.progress
import fastai.callback.schedule  # noqa: F401 - and its fine_tune
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

CUTS = {"mobilenet_v2": -1, "resnet18": -2}
"""How many of the network's last children make its pooling and head."""


class Reporter(Callback):
    """Tells accuracy and time after each validation, and the seconds of each epoch's training part."""

    def __init__(self, clock: Clock, num_train: int) -> None:
        self.clock, self.num_train = clock, num_train

    def before_train(self) -> None:
        """Note when training began."""
        self.train_began = self.clock.seconds

    def after_train(self) -> None:
        """Note how fast training went."""
        self.images_per_second = self.num_train / (self.clock.seconds - self.train_began)

    def after_validate(self) -> None:
        """Tell."""
        print_measurement(
            seconds=self.clock.seconds,
            accuracy=float(self.learn.recorder.metrics[0].value),
            images_per_second=self.images_per_second,
        )


def make_learner(task: Task) -> tuple[Learner, int]:
    """Return a learner on the task's images and the number of those it trains on."""
    dataset = task.dataset
    samples = [sample for sample in dataset.samples if sample.split != "test"]
    val = [position for position, sample in enumerate(samples) if sample.split == "val"]
    block = DataBlock(
        blocks=(ImageBlock, CategoryBlock),
        get_x=lambda sample: dataset.root / sample.path,
        get_y=lambda sample: dataset.classes[sample.label],
        splitter=IndexSplitter(val),
        item_tfms=Resize(task.image_size),
        batch_tfms=[*aug_transforms(), Normalize.from_stats(*imagenet_stats)],
    )
    loaders = block.dataloaders(samples, bs=task.batch_size)

    def architecture(**_: Any) -> torch.nn.Module:
        network = get_model(task.backbone)
        if task.weights != "none":
            network.load_state_dict(torch.load(task.weights, weights_only=True))
        # fastai cuts a network at its pooling, which must be one of its children
        return torch.nn.Sequential(*list(network.children())[: CUTS[task.backbone]], torch.nn.AdaptiveAvgPool2d(1))

    learner = vision_learner(
        loaders,
        architecture,
        metrics=accuracy,
        splitter=default_split,
        normalize=False,
    )
    return learner, len(loaders.train_ds)


def main() -> None:
    """Fine-tune and tell after every epoch."""
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
