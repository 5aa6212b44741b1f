"""Presets: values for the settings that the user did not choose, for these images and this machine.

The window, the command line and the Python class use the same presets. They never cause a download.
"""

from dataclasses import dataclass

from engine.config.backbones import INCLUDED_BACKBONE, Backbone, find_backbone
from engine.config.local_weights import is_on_this_machine
from engine.config.network_names import network_name
from engine.config.settings import RunConfig

SCRATCH_BACKBONE = "se_resnet"
"""The backbone for training from scratch: small, and good after seconds."""

SECONDS_PER_IMAGE = 1 / 12
"""Time budget for each training and validation image. Features of all images take less than a tenth of it."""
MIN_BUDGET_SECONDS, MAX_BUDGET_SECONDS = 30, 600
"""Limits of the time budget with pretrained weights; the first validation score is there after seconds."""

SCRATCH_STEPS = 600
"""Training steps after which a small model trained from scratch has nearly converged on a small dataset."""
MIN_SCRATCH_EPOCHS, MAX_SCRATCH_EPOCHS = 10, 40
SCRATCH_BATCH, SCRATCH_LR = 16, 5e-3
"""Small batches give more steps: on the sample dataset, batches of 32 gained half as much in the same time."""
TRANSFER_LAYER_DECAY = 1.0
"""The rate is a fifth of `optim.lr` after a head was fitted, so that the first layers need no lower one."""
TRANSFER_WARMUP_EPOCHS = 1.0
"""The first steps of AdamW are large whatever the gradients are, and would damage the fitted head."""
TRANSFER_EMA_DECAY = 0.98
"""With an average that begins at the fitted head, the first epochs are hardly worse than this head."""
HEAD_EPOCHS = 20
"""Epochs of the modes that train the head or the last block only, which are cheap."""

TINY_SIDE = 64
"""Largest side of images, in pixels, for which SE-ResNet is tried, and gets a smaller input than its default."""
MAX_DOWNLOADED = 3
"""Largest number of downloaded networks that are compared with the included one."""
_SIDE_STEP, _MIN_SIDE = 16, 32


@dataclass(frozen=True, slots=True)
class DatasetFacts:
    """Properties of a dataset that the presets depend on."""

    num_images: int
    """Training and validation images."""
    image_side: int | None = None
    """Median of the shorter sides of the images in pixels; None if it is unknown."""
    downloaded: tuple[str, ...] = ()
    """Backbones whose pretrained weights were downloaded to this computer."""


def resolve(settings: RunConfig, facts: DatasetFacts) -> RunConfig:
    """Return `settings` with a value for every field; `model.reason` says how network and weights were chosen.

    Fields that were set (pydantic's `model_fields_set`) keep their values, except "auto" for backbone and weights.
    """
    is_open = settings.model.backbone == "auto" and settings.model.weights == "auto"
    config = _resolve_model(settings)
    row = find_backbone(config.model.backbone)
    if config.model.weights == "none":
        config = _fill(config, "training", **_scratch_training(row, facts))
        config = _fill(config, "optim", **_scratch_optim(row))
        config = _fill(config, "data", image_size=_scratch_side(row, facts))
    else:
        config = _fill(config, "training", **_transfer_training(config, facts))
        if config.training.mode == "full":
            config = _fill(config, "optim", layer_decay=TRANSFER_LAYER_DECAY)
            config = _fill(config, "schedule", warmup_epochs=TRANSFER_WARMUP_EPOCHS)
        if is_open and config.training.budget:
            config = _fill(config, "model", candidates=_candidates(facts))
    return RunConfig.model_validate(config.model_dump())


def demo_config() -> RunConfig:
    """Return the settings for the sample dataset, whose images are small and have no upright orientation."""
    config = RunConfig().changed("model", backbone=SCRATCH_BACKBONE, weights="none").changed("data", image_size=64)
    config = config.changed("training", epochs=20, batch_size=SCRATCH_BATCH).changed("optim", lr=SCRATCH_LR)
    return config.changed("augment", vertical_flip=0.5, crop_scale=0.7)


def _resolve_model(settings: RunConfig) -> RunConfig:
    """Replace "auto" for backbone and weights, and give the reason."""
    backbone, weights = settings.model.backbone, settings.model.weights
    if backbone != "auto" and weights != "auto":
        return settings
    has_included = is_on_this_machine(find_backbone(INCLUDED_BACKBONE))
    if backbone == "auto":
        is_scratch = weights == "none" or (weights == "auto" and not has_included)
        backbone = SCRATCH_BACKBONE if is_scratch else INCLUDED_BACKBONE
    row = find_backbone(backbone)
    if weights == "auto":
        weights = "default" if is_on_this_machine(row) else "none"
    return settings.changed("model", backbone=backbone, weights=weights, reason=_reason(row, weights))


def _reason(row: Backbone, weights: str) -> str:
    name = network_name(row.name)
    if weights == "none" and row.weights_file:
        return f"{name} is trained from scratch, because its pretrained weights are not on this computer."
    if weights == "none":
        return f"{name} is trained from scratch."
    if weights == "default" and row.is_included:
        return f"{name} is included with pretrained weights, and a pretrained network needs few images."
    if weights == "default":
        return f"The pretrained weights of {name} are on this computer."
    return f"{name} starts from the weights in a file."


def _transfer_training(config: RunConfig, facts: DatasetFacts) -> dict[str, object]:
    values: dict[str, object] = {"ema_decay": TRANSFER_EMA_DECAY}
    if config.training.mode != "full":
        return values | {"epochs": HEAD_EPOCHS}
    if config.training.model_fields_set & {"epochs", "budget"}:
        return values
    seconds = min(MAX_BUDGET_SECONDS, max(MIN_BUDGET_SECONDS, facts.num_images * SECONDS_PER_IMAGE))
    return values | {"budget": f"{round(seconds)}s"}


def with_network(config: RunConfig, name: str) -> RunConfig:
    """Return resolved settings for another network, from its own pretrained weights or from scratch."""
    row = find_backbone(name)
    config = config.changed("model", backbone=name, weights="default" if row.weights_file else "none")
    if name != SCRATCH_BACKBONE:
        return config.changed("data", image_size=None)
    config = config.changed("optim", **_scratch_optim(row)).changed("training", batch_size=SCRATCH_BATCH, ema_decay=0.0)
    return config.changed("data", image_size=TINY_SIDE)


def _candidates(facts: DatasetFacts) -> tuple[str, ...]:
    """Return the networks to compare with the included one: the best downloaded ones, and SE-ResNet for tiny images."""
    rows = sorted((find_backbone(name) for name in facts.downloaded), key=lambda row: -(row.top1 or 0.0))
    is_tiny = facts.image_side is not None and facts.image_side <= TINY_SIDE
    return (*(row.name for row in rows[:MAX_DOWNLOADED]), *([SCRATCH_BACKBONE] if is_tiny else []))


def _scratch_training(row: Backbone, facts: DatasetFacts) -> dict[str, object]:
    num_train = max(1, facts.num_images)
    epochs = min(MAX_SCRATCH_EPOCHS, max(MIN_SCRATCH_EPOCHS, round(SCRATCH_STEPS * SCRATCH_BATCH / num_train)))
    return {"epochs": epochs, "batch_size": SCRATCH_BATCH} if row.name == SCRATCH_BACKBONE else {"epochs": epochs}


def _scratch_optim(row: Backbone) -> dict[str, object]:
    return {"lr": SCRATCH_LR} if row.name == SCRATCH_BACKBONE else {}


def _scratch_side(row: Backbone, facts: DatasetFacts) -> int | None:
    """Return a smaller input size for tiny images, or None: the default of the backbone."""
    if row.name != SCRATCH_BACKBONE or facts.image_side is None or facts.image_side > TINY_SIDE:
        return None
    return max(_MIN_SIDE, -(-facts.image_side // _SIDE_STEP) * _SIDE_STEP)


def _fill(config: RunConfig, section: str, **values: object) -> RunConfig:
    """Set those of `values` whose field was not set."""
    chosen: set[str] = getattr(config, section).model_fields_set
    return config.changed(section, **{name: value for name, value in values.items() if name not in chosen})
