"""All settings of a training run, as frozen records.

Title, description and limits belong to the field; the form of the window, the flags of the command line and the checks
read them from there.
"""

from pathlib import Path
from typing import Literal, TypeAlias

from pydantic import Field

from engine.config.augmentation import AugmentConfig
from engine.core.records import FiniteModel

Geometry: TypeAlias = Literal["crop", "squash", "pad"]
Mode: TypeAlias = Literal["full", "head", "quick"]
Device: TypeAlias = Literal["auto", "cpu", "cuda", "mps"]
Precision: TypeAlias = Literal["auto", "float32", "bfloat16", "float16"]
GroupBy: TypeAlias = Literal["auto", "none", "folder", "name", "time"]
Balance: TypeAlias = Literal["auto", "off", "loss", "sampling"]
OptimizerName: TypeAlias = Literal["adamw", "adam", "sgd"]


class DataConfig(FiniteModel):
    """Split and input size of the images."""

    val_fraction: float = Field(
        0.2, gt=0, lt=1, title="Validation split", description="Fraction of each class used for validation."
    )
    image_size: int | None = Field(
        None,
        ge=16,
        le=1024,
        title="Image size",
        description="Side of the input image in pixels. Empty: the default size of the backbone.",
    )
    geometry: Geometry = Field(
        "crop",
        title="Resize mode",
        description="How an image is made square. crop: keep the centre. squash: stretch, ignoring the aspect ratio. "
        "pad: add grey borders.",
    )
    seed: int = Field(
        0, ge=0, lt=2**32, title="Split seed", description="Random seed of the training and validation split."
    )
    group_duplicates: bool = Field(
        True,
        title="Group duplicates",
        description="Keep duplicates on the same side of the split, so that validation accuracy is not too high.",
    )
    group_by: GroupBy = Field(
        "auto",
        title="Group photos",
        description="Which photos stay on the same side of the split. auto: those of one patient, site or clip by "
        "folder or file name, and those of one event by time. folder, name, time: only these. none: off.",
    )
    group_gap: int | None = Field(
        None,
        ge=0,
        le=86_400,
        title="Event gap",
        description="Longest pause in seconds between two photos of one event. Empty: 60, or longer if the data show "
        "it. 0: no events.",
    )


class ModelConfig(FiniteModel):
    """Backbone and initial weights."""

    backbone: str = Field(
        "auto",
        title="Backbone",
        description="Network architecture; `classifold backbones` lists them all. auto: the included pretrained "
        "network, or se_resnet without pretrained weights.",
    )
    weights: str = Field(
        "auto",
        title="Pretrained weights",
        description="auto: pretrained weights if they are on this computer. none: train from scratch. default: "
        "ImageNet weights, downloaded once unless they are included. Or the path of a .pth or .safetensors file.",
    )
    dropout: float = Field(
        0.2,
        ge=0,
        lt=1,
        title="Dropout",
        description="Probability of dropping a feature before the classifier during training. 0: off.",
    )

    candidates: tuple[str, ...] = Field(
        (),
        max_length=8,
        title="Other networks",
        description="Backbones that are tried within a time budget too; the one with the best accuracy is trained.",
    )
    reason: str = Field(
        "",
        max_length=1000,
        title="Reason",
        description="Reason for the choice of backbone and weights; written where they were chosen automatically.",
    )

    @property
    def weights_path(self) -> Path | None:
        """The file of the weights, or None if they are not read from a file that the user chose."""
        return None if self.weights in ("auto", "none", "default") else Path(self.weights).expanduser()


class OptimConfig(FiniteModel):
    """Optimizer and its parameters."""

    name: OptimizerName = Field(
        "adamw", title="Optimizer", description="adamw suits nearly all datasets; sgd uses momentum."
    )
    lr: float = Field(
        1e-3, gt=0, le=10, title="Learning rate", description="Peak learning rate, which is that of the classifier."
    )
    weight_decay: float = Field(
        0.01,
        ge=0,
        le=1,
        title="Weight decay",
        description="Decay of weights towards zero; normalization layers and biases are excluded. 0: off.",
    )
    momentum: float = Field(
        0.9, ge=0, lt=1, title="Momentum", description="Momentum of sgd; the other optimizers ignore it. 0: off."
    )
    layer_decay: float = Field(
        0.7,
        gt=0,
        le=1,
        title="Layer decay",
        description="Factor of the learning rate per stage towards the input. For pretrained weights only. 1: off.",
    )
    clip_norm: float = Field(
        1.0, ge=0, le=1000, title="Gradient clipping", description="Largest norm of the gradient. 0: off."
    )


class ScheduleConfig(FiniteModel):
    """Learning-rate schedule: linear warm-up, then cosine decay."""

    warmup_epochs: float = Field(
        0.5, ge=0, le=1000, title="Warm-up", description="Epochs in which the learning rate rises. 0: off."
    )


class TrainingConfig(FiniteModel):
    """Length, loss and hardware of the training."""

    mode: Mode = Field(
        "full",
        title="Trainable layers",
        description="full: all layers. head: the classifier only, on augmented images. "
        "quick: the last block and the classifier, on cached features.",
    )
    budget: str = Field(
        "",
        pattern=r"^([1-9]\d*(\.\d+)?[smh])?$",
        title="Time budget",
        description="Training time such as 90s, 5m or 2h; replaces the number of epochs, and the result depends on the "
        "speed of the computer. Empty: off.",
    )
    epochs: int = Field(10, ge=1, le=10_000, title="Epochs", description="Number of passes over the training images.")
    batch_size: int = Field(32, ge=2, le=4096, title="Batch size", description="Number of images per training step.")
    label_smoothing: float = Field(
        0.1, ge=0, lt=1, title="Label smoothing", description="Fraction of a label spread over all classes. 0: off."
    )
    balance: Balance = Field(
        "auto",
        title="Class balance",
        description="sampling: draw each class equally often. loss: weight the loss of each class by the inverse of "
        "its number of images. auto: sampling if the largest class has over three times the images of the smallest. "
        "off: neither.",
    )
    early_stopping: int = Field(
        0,
        ge=0,
        le=10_000,
        title="Early stopping",
        description="Stop after this many epochs without improvement. 0: off.",
    )
    ema_decay: float = Field(
        0.0, ge=0, lt=1, title="EMA decay", description="Decay of the moving average of the weights. 0: off."
    )
    checkpoint_minutes: float = Field(
        5,
        ge=0,
        le=1440,
        title="Checkpoint every",
        description="Minutes between checkpoints, from which an interrupted run can be resumed.",
    )
    seed: int = Field(
        0,
        ge=0,
        lt=2**32,
        title="Seed",
        description="Random seed; on the CPU, the same seed and CPU threads give the same model.",
    )
    threads: int = Field(
        0,
        ge=0,
        le=1024,
        title="CPU threads",
        description="0: one per core, or fewer while that is faster beside other programs, which changes the last "
        "digits of the results. Other numbers stay fixed.",
    )
    device: Device = Field("auto", title="Device", description="Hardware for training. auto: the fastest available.")
    precision: Precision = Field(
        "auto",
        title="Precision",
        description="Number format. auto: bfloat16 or float16 where the device is faster with it and "
        "it agrees with float32.",
    )
    keep_awake: bool = Field(
        True, title="Keep awake", description="Prevent sleep during training; the screen may turn off."
    )
    tensorboard: bool = Field(
        False,
        title="TensorBoard",
        description="Also write the curves for TensorBoard to the run folder. Needs the package tensorboard.",
    )

    @property
    def budget_seconds(self) -> float | None:
        """The time budget in seconds, or None if there is none."""
        return float(self.budget[:-1]) * {"s": 1, "m": 60, "h": 3600}[self.budget[-1]] if self.budget else None


class RunConfig(FiniteModel):
    """All settings of a run except the dataset folder."""

    data: DataConfig = Field(DataConfig(), title="Images")
    model: ModelConfig = Field(ModelConfig(), title="Model")
    training: TrainingConfig = Field(TrainingConfig(), title="Training")
    optim: OptimConfig = Field(OptimConfig(), title="Optimizer")
    schedule: ScheduleConfig = Field(ScheduleConfig(), title="Schedule")
    augment: AugmentConfig = Field(AugmentConfig(), title="Augmentation")

    def changed(self, section: str, **values: object) -> "RunConfig":
        """Return a copy with validated new values for fields of one section.

        Fields that were not set before and are not in `values` stay unset, so that presets can choose them.

        Args:
            section: Name of the section, such as "optim".
            values: New values by field name.

        Raises:
            pydantic.ValidationError: A value is not allowed.
        """
        chosen = self.model_dump(exclude_unset=True)
        return RunConfig.model_validate(chosen | {section: chosen.get(section, {}) | values})
