"""A training state over a tiny network and tensors in memory, for tests of single training steps and epochs."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import torch
from torch import Tensor, nn

from engine.data.dataset import Dataset, Sample
from engine.ml.loading.augment import AugmentOptions
from engine.ml.loading.loader import Batch
from engine.ml.models.build import Classifier, Head
from engine.ml.models.inference import Forward
from engine.ml.models.preprocessing import Preprocessing
from engine.ml.runtime.precision import PrecisionChoice
from engine.ml.training.options import LoopPlan, OptimizerOptions, StepOptions
from engine.ml.training.phases import Phase
from engine.ml.training.setup import TrainingSetup
from engine.ml.training.state import TrainState, make_train_state
from engine.runs.run_folder import Run
from tests.scratch_config import scratch_config

NUM_CLASSES = 3
IMAGE_SIZE = 4
LABELS = (0, 1, 2, 2, 1, 2)
NO_OPTIONS = StepOptions()


@dataclass
class TensorSource:
    """Batch source over one batch of images in memory."""

    model: nn.Module
    batch: Batch
    uses_mixup: bool = False
    clean_train_samples: tuple[Sample, ...] = ()
    val_samples: tuple[Sample, ...] = field(init=False)
    train_samples: tuple[Sample, ...] = field(init=False)

    def __post_init__(self) -> None:
        self.train_samples = self.val_samples = self.batch.samples

    def train_batches(self, epoch: int, first: int) -> Iterable[Batch]:
        return [self.batch][first:]

    def val_batches(self) -> Iterable[Batch]:
        return [self.batch]

    def clean_train_batches(self) -> Iterable[Batch]:
        return ()

    def to_input(self, batch: Batch) -> Tensor:
        return batch.inputs

    def forward(self, inputs: Tensor) -> Tensor:
        logits: Tensor = self.model(inputs)
        return logits

    def eval_forward(self, model: Classifier) -> Forward:
        return model


def make_batch(labels: Sequence[int] = LABELS) -> Batch:
    """Return a batch of random images with these labels."""
    generator = torch.Generator().manual_seed(0)
    images = torch.randn(len(labels), 3, IMAGE_SIZE, IMAGE_SIZE, generator=generator)
    samples = tuple(Sample(f"{number}.png", label) for number, label in enumerate(labels))
    return Batch(images, torch.tensor(labels), samples)


def make_model() -> Classifier:
    """Return a network of one convolution, one BatchNorm and a head without dropout."""
    torch.manual_seed(0)
    backbone = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.Flatten())
    return Classifier(backbone, Head(4 * (IMAGE_SIZE - 2) ** 2, NUM_CLASSES, 0.0), "fc")


def make_plan(**changes: object) -> LoopPlan:
    """Return the plan of one epoch of full training, with some values changed."""
    values: dict[str, object] = {
        "mode": "full",
        "fits_head": False,
        "starts_quick": False,
        "epochs": 1,
        "budget_seconds": None,
        "batch_size": len(LABELS),
        "warmup_epochs": 0.0,
        "early_stopping": 0,
        "ema_decay": 0.0,
        "balance": "off",
        "checkpoint_minutes": 5.0,
        "seed": 0,
    }
    return LoopPlan(**(values | changes))  # type: ignore[arg-type]


def make_state(step: StepOptions = NO_OPTIONS, labels: Sequence[int] = LABELS, **plan: object) -> TrainState:
    """Return a state before its first step, in float32 on the CPU; `plan` changes values of `make_plan`."""
    cpu = torch.device("cpu")
    setup = TrainingSetup(
        device=cpu,
        precision=PrecisionChoice(torch.float32, "as set"),
        model=make_model(),
        preprocessing=Preprocessing(IMAGE_SIZE, "crop", (0.5, 0.5, 0.5), (0.5, 0.5, 0.5)),
        scaler=torch.amp.GradScaler("cpu", enabled=False),
        step=step,
        optimizer=OptimizerOptions("sgd", lr=1.0, weight_decay=0.0, momentum=0.0, layer_decay=1.0),
        augment=AugmentOptions(),
        plan=make_plan(**plan),
        started_from="random weights",
        config=scratch_config(),
    )
    samples = tuple(Sample(f"{number}.png", label) for number, label in enumerate(labels))
    return make_train_state(setup, Dataset(Path(), ("a", "b", "c"), samples), Run(Path()))


def make_phase(state: TrainState, lr: float = 1.0, freezes_norms: bool = False) -> Phase:
    """Return a phase of one epoch of plain gradient descent, so that a step subtracts lr times the gradient."""
    model = state.setup.model
    groups = [{"params": list(model.parameters()), "lr": lr, "initial_lr": lr}]
    optimizer = torch.optim.SGD(groups, lr=lr)
    source = TensorSource(model, make_batch())
    return Phase("full", source, lambda: optimizer, 1, len(LABELS), 0.0, freezes_norms=freezes_norms)
