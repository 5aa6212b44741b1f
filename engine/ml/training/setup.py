"""Everything a run needs before its first step. The only training module that reads the settings (RunConfig)."""

import math
from collections.abc import Generator
from dataclasses import dataclass

import torch

from engine.config.augmentation import AugmentConfig
from engine.config.backbones import find_backbone
from engine.config.settings import RunConfig
from engine.core.events import Best, Event
from engine.data.dataset import Dataset
from engine.data.pixels.grey_range import GreyRanges
from engine.ml.loading.augment import AugmentOptions
from engine.ml.loading.loader import eval_loader, load_batches
from engine.ml.models.build import Classifier, build_model
from engine.ml.models.model_file import make_metadata
from engine.ml.models.preprocessing import Preprocessing, normalise
from engine.ml.models.pretrained import load_pretrained
from engine.ml.runtime import distributed
from engine.ml.runtime.device import choose_device
from engine.ml.runtime.memory import keep_freed_memory
from engine.ml.runtime.precision import BACKWARD_COST, PrecisionChoice, choose_precision
from engine.ml.runtime.threads import set_compute_threads
from engine.ml.training.options import LoopPlan, OptimizerOptions, StepOptions
from engine.results.calibration import Calibration
from engine.results.model_metadata import ModelMetadata
from engine.results.start_weights import find_origin

_NUM_TRIAL_IMAGES = 8
"""Images on which a lower precision is compared with float32."""


@dataclass(frozen=True)
class TrainingSetup:
    """The parts of a run that do not change, but for the weights of the model and the scale of the scaler."""

    device: torch.device
    precision: PrecisionChoice
    model: Classifier
    preprocessing: Preprocessing
    scaler: torch.amp.GradScaler
    step: StepOptions
    optimizer: OptimizerOptions
    augment: AugmentOptions
    plan: LoopPlan
    started_from: str
    """Origin and licence of the start weights."""
    config: RunConfig
    """All settings, with what was chosen for this computer. Stored in the model file; not read below this module."""
    has_head: bool = False
    """True if the start weights have a head for all classes, so that none is fitted."""

    @property
    def backbone(self) -> str:
        """Name of the backbone."""
        return self.config.model.backbone

    @property
    def network_reason(self) -> str:
        """Sentence about the automatic choice of the network; empty if the user chose it."""
        return self.config.model.reason

    @property
    def dtype(self) -> torch.dtype:
        """Precision of training."""
        return self.precision.dtype

    @property
    def inference_dtype(self) -> torch.dtype:
        """Precision of validation; the model metadata stores it, so that prediction uses the same."""
        return self.precision.inference_dtype

    @property
    def layout(self) -> torch.memory_format:
        """Memory format of images and weights."""
        return self.precision.layout

    @property
    def device_name(self) -> str:
        """Name of the device for the user."""
        return torch.cuda.get_device_name(self.device) if self.device.type == "cuda" else self.device.type

    def make_metadata(
        self, classes: tuple[str, ...], best: Best | None, calibration: Calibration | None
    ) -> ModelMetadata:
        """Return the metadata of a model file of this run."""
        return make_metadata(
            self.config, classes, self.preprocessing, self.inference_dtype, best, calibration, self.started_from
        )


def make_preprocessing(config: RunConfig, grey_ranges: GreyRanges | None) -> Preprocessing:
    """Return the preprocessing for these settings and the ranges of the dataset.

    Raises:
        EngineError: The backbone does not accept the image size.
    """
    backbone = find_backbone(config.model.backbone)
    image_size = config.data.image_size or backbone.image_size
    backbone.check_image_size(image_size)
    return Preprocessing(image_size, config.data.geometry, backbone.mean, backbone.std, grey_ranges)


def make_augment_options(config: AugmentConfig) -> AugmentOptions:
    """Return the augmentation options for these settings."""
    return AugmentOptions(
        crop_scale=config.crop_scale,
        horizontal_flip=config.horizontal_flip,
        vertical_flip=config.vertical_flip,
        rotation=config.rotation,
        brightness=config.brightness,
        contrast=config.contrast,
        saturation=config.saturation,
        hue=config.hue,
        random_erasing=config.random_erasing,
    )


def make_step_options(config: RunConfig) -> StepOptions:
    """Return the options of a training step for these settings."""
    return StepOptions(
        clip_norm=config.optim.clip_norm,
        label_smoothing=config.training.label_smoothing,
        mixup_alpha=config.augment.mixup_alpha,
        cutmix_alpha=config.augment.cutmix_alpha,
        cutmix_probability=config.augment.mix_switch,
    )


def make_optimizer_options(config: RunConfig) -> OptimizerOptions:
    """Return the optimizer options for these settings."""
    optim = config.optim
    # Without pretrained weights the first layers are as random as the last, so all get the same learning rate
    layer_decay = 1.0 if config.model.weights == "none" else optim.layer_decay
    return OptimizerOptions(optim.name, optim.lr, optim.weight_decay, optim.momentum, layer_decay)


def make_loop_plan(config: RunConfig) -> LoopPlan:
    """Return the plan of the run for these settings."""
    training = config.training
    is_transfer = config.model.weights != "none" and training.mode == "full"
    return LoopPlan(
        mode=training.mode,
        # The gradients of a random head would destroy the pretrained features
        fits_head=is_transfer,
        # A quick phase on features of the pretrained weights gives a good model early in the budget
        starts_quick=training.budget_seconds is not None and is_transfer and distributed.world_size() == 1,
        epochs=training.epochs,
        budget_seconds=training.budget_seconds,
        batch_size=training.batch_size,
        warmup_epochs=config.schedule.warmup_epochs,
        early_stopping=training.early_stopping,
        ema_decay=training.ema_decay,
        balance=training.balance,
        checkpoint_minutes=training.checkpoint_minutes,
        seed=training.seed,
        adapts_threads=training.threads == 0,
    )


def prepare_run(
    config: RunConfig, dataset: Dataset, precision: PrecisionChoice | None = None
) -> Generator[Event, None, TrainingSetup]:
    """Build everything for a run; yield progress of downloads and warnings about weights that do not match.

    Args:
        config: All settings of the run.
        dataset: The split dataset.
        precision: That of a run that is resumed. Then no precision is chosen and no pretrained weights are loaded,
            because the weights come from the checkpoint.
    """
    keep_freed_memory()
    num_threads = set_compute_threads(config.training.threads)
    torch.manual_seed(config.training.seed)
    backbone = find_backbone(config.model.backbone)
    preprocessing = make_preprocessing(config, dataset.grey_ranges)
    device = choose_device(config.training.device)
    model = build_model(backbone.name, len(dataset.classes), preprocessing.image_size, config.model.dropout)
    has_head = False
    if precision is None:
        has_head = yield from load_pretrained(model, backbone, config.model.weights, dataset.classes)
    model.to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
    precision = precision or _choose_precision(config, dataset, model, preprocessing, device)
    model.to(memory_format=precision.layout)
    scaler = torch.amp.GradScaler(device.type, enabled=precision.dtype == torch.float16)
    torch.manual_seed(config.training.seed)
    return TrainingSetup(
        device=device,
        precision=precision,
        model=model,
        preprocessing=preprocessing,
        scaler=scaler,
        step=make_step_options(config),
        optimizer=make_optimizer_options(config),
        augment=make_augment_options(config.augment),
        plan=make_loop_plan(config),
        started_from=find_origin(backbone.name, config.model.weights),
        config=_resolved(config, precision, num_threads),
        has_head=has_head,
    )


def _choose_precision(
    config: RunConfig, dataset: Dataset, model: Classifier, preprocessing: Preprocessing, device: torch.device
) -> PrecisionChoice:
    train, val = dataset.of_split("train"), dataset.of_split("val")
    (batch,) = load_batches([train[:_NUM_TRIAL_IMAGES]], eval_loader(dataset.root, preprocessing))
    if not batch.samples:
        return PrecisionChoice(torch.float32, "the first images could not be read")
    training, plan = config.training, make_loop_plan(config)
    backbone = find_backbone(config.model.backbone)
    trains_backbone = training.mode == "full"
    num_passes = len(val) + len(train) * (1 + BACKWARD_COST if trains_backbone else 1)
    multiply_adds = num_passes * backbone.multiply_adds_at(preprocessing.image_size)
    if training.mode != "quick":  # quick mode computes each image once, whatever the number of epochs
        multiply_adds *= plan.epochs if plan.budget_seconds is None else math.inf
    freezes_norms = training.mode == "quick" or plan.fits_head
    return choose_precision(
        training.precision,
        device,
        backbone.name,
        model.backbone if freezes_norms else model,
        normalise(batch.inputs.to(device), preprocessing),
        multiply_adds,
        trains_backbone,
        uses_batch_statistics=trains_backbone and not freezes_norms,
    )


def _resolved(config: RunConfig, precision: PrecisionChoice, num_threads: int) -> RunConfig:
    """Return the settings with the values that were chosen for this computer, so that they give the same run again."""
    return config.changed("training", precision=precision.name, threads=num_threads)
