"""Default settings for a dataset and this machine."""

from engine.config.backbones import find_backbone
from engine.config.local_weights import is_on_this_machine
from engine.config.settings import RunConfig
from engine.data.dataset import Dataset

PRETRAINED_BACKBONE = "mobilenet_v2"
"""A small backbone that is fast on a CPU and supported well on every device."""

MIN_BUDGET_SECONDS, MAX_BUDGET_SECONDS = 60, 600
"""Limits of the time budget with pretrained weights; the first validation score is there after seconds."""

SCRATCH_STEPS = 600
"""Training steps after which a small model trained from scratch has nearly converged on a small dataset."""
SCRATCH_BATCH, SCRATCH_LR = 16, 5e-3
"""Small batches give more steps: on the sample dataset, batches of 32 gained half as much in the same time."""


def suggest_config(dataset: Dataset) -> RunConfig:
    """Return default settings for a dataset: ImageNet weights if they are on this machine, else from scratch.

    The default settings never cause a download.
    """
    num_train = max(1, len(dataset.of_split("train")))
    if is_on_this_machine(find_backbone(PRETRAINED_BACKBONE)):
        seconds = min(MAX_BUDGET_SECONDS, max(MIN_BUDGET_SECONDS, num_train // 4))
        config = RunConfig().changed("model", backbone=PRETRAINED_BACKBONE, weights="default")
        return config.changed("training", budget=f"{seconds}s")
    epochs = min(40, max(10, round(SCRATCH_STEPS * SCRATCH_BATCH / num_train)))
    return _from_scratch(epochs)


def demo_config() -> RunConfig:
    """Return the settings for the sample dataset, whose images are small and have no upright orientation."""
    config = _from_scratch(epochs=20).changed("data", image_size=64)
    return config.changed("augment", vertical_flip=0.5, crop_scale=0.7)


def _from_scratch(epochs: int) -> RunConfig:
    return RunConfig().changed("training", epochs=epochs, batch_size=SCRATCH_BATCH).changed("optim", lr=SCRATCH_LR)
