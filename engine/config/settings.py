"""Everything a run is told, frozen. Title, help and limits stand on the field, for form, flags and checks alike."""

from pathlib import Path
from typing import Literal, TypeAlias

from pydantic import Field, ValidationError

from engine.core.errors import EngineError
from engine.core.records import FiniteModel
from engine.core.safe_read import read_text

_MOST_BYTES = 2**20
_MOST_LETTERS = 100

Geometry: TypeAlias = Literal["crop", "squash", "pad"]
Mode: TypeAlias = Literal["full", "head", "quick"]
Device: TypeAlias = Literal["auto", "cpu", "cuda", "mps"]
Precision: TypeAlias = Literal["auto", "float32", "bfloat16", "float16"]
Balance: TypeAlias = Literal["auto", "off", "loss"]
OptimizerName: TypeAlias = Literal["adamw", "adam", "sgd"]


class DataConfig(FiniteModel):
    """Which images, and in what shape the network sees them."""

    val_fraction: float = Field(
        0.2, gt=0, lt=1, title="Validation share", description="Share of each class kept aside to measure on."
    )
    image_size: int | None = Field(
        None,
        ge=16,
        le=1024,
        title="Image size",
        description="Side in pixels the network sees. Empty: the size the backbone was made for.",
    )
    geometry: Geometry = Field(
        "crop",
        title="Fit to square",
        description="crop: cut the middle out. squash: change the aspect. pad: add grey borders.",
    )
    seed: int = Field(0, ge=0, lt=2**32, title="Split seed", description="Another seed draws another split.")
    group_duplicates: bool = Field(
        True,
        title="Keep copies together",
        description="Copies and shots within seconds are all learnt from or all measured on, so that none flatters.",
    )


class AugmentConfig(FiniteModel):
    """Random changes to the training images."""

    crop_scale: float = Field(
        0.5, gt=0, le=1, title="Smallest crop", description="Random crops keep at least this share of the area. 1: off."
    )
    horizontal_flip: float = Field(
        0.5, ge=0, le=1, title="Mirror", description="Probability of mirroring left and right. 0 for text and digits."
    )
    vertical_flip: float = Field(
        0.0, ge=0, le=1, title="Upside down", description="Probability of mirroring top and bottom."
    )
    rotation: float = Field(0.0, ge=0, le=180, title="Rotation", description="Largest rotation either way, in degrees.")
    brightness: float = Field(0.2, ge=0, le=1, title="Brightness", description="Largest relative change of brightness.")
    contrast: float = Field(0.2, ge=0, le=1, title="Contrast", description="Largest relative change of contrast.")
    saturation: float = Field(0.2, ge=0, le=1, title="Saturation", description="Largest relative change of saturation.")
    hue: float = Field(0.0, ge=0, le=0.5, title="Hue", description="Largest shift of hue, as a share of the circle.")
    random_erasing: float = Field(
        0.0, ge=0, le=1, title="Erasing", description="Probability of painting a random rectangle over."
    )
    mixup_alpha: float = Field(
        0.0, ge=0, le=10, title="MixUp", description="Strength of blending two images (Beta parameter). 0: off."
    )
    cutmix_alpha: float = Field(
        0.0, ge=0, le=10, title="CutMix", description="Strength of pasting a box of another image. 0: off."
    )
    mix_switch: float = Field(
        0.5, ge=0, le=1, title="CutMix share", description="Share of batches that get CutMix when MixUp is on too."
    )


class ModelConfig(FiniteModel):
    """Which network, and what it starts from."""

    backbone: str = Field("se_resnet", title="Backbone", description="Name of the network; see `classifold backbones`.")
    weights: str = Field(
        "none",
        title="Start from",
        description="none: from scratch. default: ImageNet weights, downloaded once. "
        "Or the path of a .pth or .safetensors file.",
    )
    dropout: float = Field(
        0.2, ge=0, lt=1, title="Dropout", description="Share of features hidden from the head in training."
    )


class OptimConfig(FiniteModel):
    """How weights follow the gradient."""

    name: OptimizerName = Field(
        "adamw", title="Optimizer", description="adamw suits nearly all; sgd is the classic, with its momentum."
    )
    lr: float = Field(1e-3, gt=0, le=10, title="Learning rate", description="Highest learning rate, that of the head.")
    weight_decay: float = Field(
        0.01, ge=0, le=1, title="Weight decay", description="Pull of weights towards zero; norms and biases are spared."
    )
    momentum: float = Field(0.9, ge=0, lt=1, title="Momentum", description="For sgd only. 0: plain sgd.")
    layer_decay: float = Field(
        0.7,
        gt=0,
        le=1,
        title="Layer decay",
        description="Each stage nearer to the input learns this much slower. Used with start weights only.",
    )
    clip_norm: float = Field(
        1.0, ge=0, le=1000, title="Clip gradient", description="Largest norm of the gradient. 0: no limit."
    )


class ScheduleConfig(FiniteModel):
    """How the learning rate goes over the run: up in the warm-up, then down along a cosine."""

    warmup_epochs: float = Field(
        0.5, ge=0, le=1000, title="Warm-up", description="Epochs over which the learning rate climbs."
    )


class TrainingConfig(FiniteModel):
    """The run itself."""

    mode: Mode = Field(
        "full",
        title="What learns",
        description="full: every layer. head: only the last layer, on augmented images. "
        "quick: only the last block, each image read once.",
    )
    budget: str = Field(
        "",
        pattern=r"^([1-9]\d*(\.\d+)?[smh])?$",
        title="Time budget",
        description="Such as 90s, 5m or 2h: the best model this computer makes in that time. Empty: by epochs.",
    )
    epochs: int = Field(10, ge=1, le=10_000, title="Epochs", description="Passes over the training images.")
    batch_size: int = Field(32, ge=2, le=4096, title="Batch size", description="Images per step.")
    label_smoothing: float = Field(
        0.1, ge=0, lt=1, title="Label smoothing", description="Share of each label spread over all classes."
    )
    balance: Balance = Field(
        "auto",
        title="Rare classes",
        description="loss: images of rare classes count more. auto: where the largest class has over three times the "
        "images of the smallest. off: all images count alike.",
    )
    early_stopping: int = Field(
        0, ge=0, le=10_000, title="Patience", description="Stop after this many epochs without a better one. 0: never."
    )
    ema_decay: float = Field(
        0.0, ge=0, lt=1, title="Weight averaging", description="Decay of the moving average of weights. 0: off."
    )
    checkpoint_minutes: float = Field(
        5,
        ge=0,
        le=1440,
        title="Save every",
        description="Minutes after which a run saves where it is, so that it can go on after a power cut.",
    )
    seed: int = Field(0, ge=0, lt=2**32, title="Seed", description="The same seed on the CPU gives the same numbers.")
    device: Device = Field("auto", title="Device", description="auto: the fastest one there is.")
    precision: Precision = Field("auto", title="Precision", description="auto: the fastest that agrees with float32.")
    keep_awake: bool = Field(
        True, title="Keep awake", description="The computer does not fall asleep during a run. Its screen may go dark."
    )
    tensorboard: bool = Field(
        False,
        title="TensorBoard",
        description="Write the curves for TensorBoard too, into the run folder. Needs the package tensorboard.",
    )

    @property
    def budget_seconds(self) -> float | None:
        """The time budget in seconds; None where there is none."""
        return float(self.budget[:-1]) * {"s": 1, "m": 60, "h": 3600}[self.budget[-1]] if self.budget else None


class RunConfig(FiniteModel):
    """All settings of a run but the folder of its images."""

    data: DataConfig = Field(DataConfig(), title="Images")
    model: ModelConfig = Field(ModelConfig(), title="Network")
    training: TrainingConfig = Field(TrainingConfig(), title="Training")
    optim: OptimConfig = Field(OptimConfig(), title="Optimizer")
    schedule: ScheduleConfig = Field(ScheduleConfig(), title="Schedule")
    augment: AugmentConfig = Field(AugmentConfig(), title="Augmentation")

    def changed(self, section: str, **values: object) -> "RunConfig":
        """Return a copy with fields of one section replaced and checked."""
        return RunConfig.model_validate(self.model_dump() | {section: getattr(self, section).model_dump() | values})


def read_config(path: Path) -> RunConfig:
    """Read a run's settings from JSON; raise EngineError where the file is none."""
    try:
        return RunConfig.model_validate_json(read_text(path, max_bytes=_MOST_BYTES))
    except OSError as error:
        raise EngineError(f"The settings file could not be read: {error.strerror or error}.", path) from error
    except (ValidationError, UnicodeDecodeError) as error:
        raise EngineError(f"The settings file is not valid: {validation_message(error)}", path) from error


def validation_message(error: ValidationError | UnicodeDecodeError) -> str:
    """Return what is wrong with a value as one sentence that names its dotted path."""
    if isinstance(error, UnicodeDecodeError):
        return "it is not text."
    first = error.errors()[0]
    place = ".".join(str(part) for part in first["loc"])[:_MOST_LETTERS]
    return f"{place}: {first['msg']}." if place else f"{first['msg']}."
