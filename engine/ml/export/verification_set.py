"""Images for verifying an exported file, and the outputs of the program for them."""

import math
from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Literal

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from engine.core.errors import EngineError
from engine.core.event_stream import run_to_end
from engine.core.events import Event
from engine.core.progress import Ticker
from engine.data.dataset import Sample
from engine.data.sample_dataset import PAINTERS, draw_sample
from engine.ml.evaluation.evaluation_samples import divide_samples
from engine.ml.loading.loader import EVAL_BATCH_SIZE, chunks_in_order, eval_loader, load_batches
from engine.ml.models.build import Classifier
from engine.ml.models.inference import make_image_forward
from engine.ml.models.preprocessing import Preprocessing
from engine.results.model_metadata import ModelMetadata
from engine.runs.run_folder import Run

_MAX_BYTES = 600_000_000
_MIN_IMAGES = 20
_NUM_SAMPLES_PER_CLASS = 10
"""Sample images of each class, used if there are no validation images."""


@dataclass(frozen=True)
class VerificationSet:
    """Image files with their labels; the labels of sample images have no meaning."""

    kind: Literal["validation", "sample"]
    root: Path
    samples: tuple[Sample, ...]
    training: tuple[Sample, ...] = ()
    """Training images of the model in the same folder."""


@dataclass(frozen=True)
class ReferenceOutputs:
    """Input images and the outputs of the program for them."""

    kind: Literal["validation", "sample"]
    paths: tuple[Path, ...]
    images: Tensor
    """Preprocessed, not normalised, uint8, shape (N, 3, S, S)."""
    labels: npt.NDArray[np.int64]
    """True classes, shape (N,)."""
    probabilities: npt.NDArray[np.float32]
    """Calibrated probabilities of the program, float32, shape (N, K)."""


@contextmanager
def choose_verification_set(model_path: Path, data: Path | None) -> Iterator[VerificationSet]:
    """Choose images for verifying an export: from the folder `data`, else from the model's run, else sample images."""
    split_path = Run(model_path.parent).split_path
    if data is None and split_path.is_file():
        root = Run(model_path.parent).dataset.root
        data = root if root.is_dir() else None
    if data is not None:
        divided = run_to_end(divide_samples(model_path, data))
        # Images that the model learnt from can show whether the file gives the same predictions
        samples = divided.samples or divided.training
        yield VerificationSet("validation", divided.root, samples, divided.training)
        return
    with TemporaryDirectory(prefix="classifold-") as folder:
        yield VerificationSet("sample", Path(folder), tuple(_draw_samples(Path(folder))))


def load_images(
    root: Path, samples: Sequence[Sample], metadata: ModelMetadata
) -> Generator[Event, None, tuple[Tensor, list[Sample]]]:
    """Load and preprocess images, skipping unreadable ones.

    Returns:
        The images, not normalised, uint8, shape (N, 3, S, S), and their N samples.

    Raises:
        EngineError: No image can be read.
    """
    ticker = Ticker("verify", len(samples))
    images: list[Tensor] = []
    loaded: list[Sample] = []
    for batch in load_batches(chunks_in_order(samples), eval_loader(root, Preprocessing.from_metadata(metadata))):
        if batch.samples:
            images.append(batch.inputs)
        loaded += batch.samples
        yield from ticker.at(len(loaded))
    if not images:
        raise EngineError("None of the images for verifying the file can be read.", root)
    return torch.cat(images), loaded


def compute_reference_outputs(
    verification_set: VerificationSet, model: Classifier, metadata: ModelMetadata, max_images: int
) -> Generator[Event, None, ReferenceOutputs]:
    """Run the model on at most `max_images` images of a verification set, in float32 on the CPU."""
    chosen = evenly_spaced(verification_set.samples, max_images_in_memory(metadata, max_images))
    images, samples = yield from load_images(verification_set.root, chosen, metadata)
    forward = make_image_forward(model, Preprocessing.from_metadata(metadata), torch.device("cpu"), torch.float32)
    logits: list[Tensor] = []
    ticker = Ticker("verify", len(images))
    for batch in torch.split(images, EVAL_BATCH_SIZE):
        with torch.inference_mode():
            logits.append(forward(batch))
        yield from ticker.at(sum(map(len, logits)))
    return ReferenceOutputs(
        verification_set.kind,
        tuple(verification_set.root / sample.path for sample in samples),
        images,
        np.array([sample.label for sample in samples]),
        (torch.cat(logits) / metadata.temperature).softmax(1).numpy(),
    )


def max_images_in_memory(metadata: ModelMetadata, max_images: int) -> int:
    """Return the number of images, at most `max_images`, that fit in the memory limit."""
    return max(_MIN_IMAGES, min(max_images, _MAX_BYTES // (3 * metadata.image_size**2 * 4)))


def evenly_spaced(samples: Sequence[Sample], max_images: int) -> list[Sample]:
    """Return at most `max_images` samples at even distances in their order."""
    step = max(1.0, len(samples) / max_images)
    return [samples[math.floor(number * step)] for number in range(min(max_images, len(samples)))]


def _draw_samples(folder: Path) -> Iterator[Sample]:
    for kind, (name, painter) in enumerate(PAINTERS.items()):
        for number in range(_NUM_SAMPLES_PER_CLASS):
            draw_sample(painter, np.random.default_rng([kind, number])).save(folder / f"{name}-{number}.png")
            yield Sample(f"{name}-{number}.png", 0)
