"""The images that an exported file has to answer like the program, and what the program answers."""

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
from engine.core.events import Event
from engine.core.progress import Ticker
from engine.data.dataset import Sample
from engine.data.sample_dataset import PAINTERS, draw_sample
from engine.ml.evaluation.evaluation_samples import choose_evaluation_samples
from engine.ml.loading.loader import EVAL_BATCH_SIZE, chunks_in_order, eval_loader, load_batches
from engine.ml.models.build import Classifier
from engine.ml.models.inference import make_image_forward
from engine.ml.models.preprocessing import Preprocessing
from engine.results.model_metadata import ModelMetadata, read_metadata
from engine.runs.run_folder import Run

_MOST_BYTES = 600_000_000
_FEWEST = 20
_NUM_DRAWN = 10
"""Drawn images of each kind, where there are no photos."""


@dataclass(frozen=True)
class VerificationSet:
    """Image files, with their classes where these are known."""

    kind: Literal["validation", "sample"]
    root: Path
    samples: tuple[Sample, ...]
    training: tuple[Sample, ...] = ()
    """Images of the same folder that the model has learnt from."""


@dataclass(frozen=True)
class ReferenceOutputs:
    """What was put to the program, and what it answered."""

    kind: Literal["validation", "sample"]
    paths: tuple[Path, ...]
    images: Tensor
    """As the network sees them, uint8, shape (N, 3, S, S)."""
    labels: npt.NDArray[np.int64]
    """True classes, shape (N,)."""
    probabilities: npt.NDArray[np.float32]
    """What the program answers in float32, shape (N, K)."""


@contextmanager
def choose_verification_set(model_path: Path, data: Path | None) -> Iterator[VerificationSet]:
    """Find images to prove an export with: of the folder `data`, else of the model's run, else drawn ones."""
    split_path = Run(model_path.parent).split_path
    if data is None and split_path.is_file():
        root = Run(model_path.parent).dataset.root
        data = root if root.is_dir() else None
    if data is not None:
        dataset, samples, _ = choose_evaluation_samples(model_path, data)
        training = dataset.of_split("train") if dataset.classes == read_metadata(model_path).classes else ()
        yield VerificationSet("validation", dataset.root, tuple(samples), training if dataset.of_split("val") else ())
        return
    with TemporaryDirectory(prefix="classifold-") as folder:
        yield VerificationSet("sample", Path(folder), tuple(_draw(Path(folder))))


def load_images(
    root: Path, samples: Sequence[Sample], card: ModelMetadata
) -> Generator[Event, None, tuple[Tensor, list[Sample]]]:
    """Return images as the network sees them, uint8, shape (N, 3, S, S), and which ones they are, without bad ones.

    Raises EngineError where none can be read.
    """
    ticker = Ticker("verify", len(samples))
    images: list[Tensor] = []
    kept: list[Sample] = []
    for batch in load_batches(chunks_in_order(samples), eval_loader(root, Preprocessing.from_metadata(card))):
        if batch.samples:
            images.append(batch.inputs)
        kept += batch.samples
        yield from ticker.at(len(kept))
    if not images:
        raise EngineError("None of the images to prove the file with could be read.", root)
    return torch.cat(images), kept


def compute_reference_outputs(
    found: VerificationSet, model: Classifier, card: ModelMetadata, most: int
) -> Generator[Event, None, ReferenceOutputs]:
    """Let the program answer for at most `most` of the images, in float32 on the processor."""
    chosen = spread(found.samples, fitting(card, most))
    images, samples = yield from load_images(found.root, chosen, card)
    forward = make_image_forward(model, Preprocessing.from_metadata(card), torch.device("cpu"), torch.float32)
    logits: list[Tensor] = []
    ticker = Ticker("verify", len(images))
    for part in torch.split(images, EVAL_BATCH_SIZE):
        with torch.inference_mode():
            logits.append(forward(part))
        yield from ticker.at(sum(map(len, logits)))
    return ReferenceOutputs(
        found.kind,
        tuple(found.root / sample.path for sample in samples),
        images,
        np.array([sample.label for sample in samples]),
        (torch.cat(logits) / card.temperature).softmax(1).numpy(),
    )


def fitting(card: ModelMetadata, most: int) -> int:
    """Return how many images, at most `most`, are held in memory at a time."""
    return max(_FEWEST, min(most, _MOST_BYTES // (3 * card.image_size**2 * 4)))


def spread(samples: Sequence[Sample], most: int) -> list[Sample]:
    """Return at most `most` of the samples, evenly spread over their order."""
    step = max(1.0, len(samples) / most)
    return [samples[math.floor(number * step)] for number in range(min(most, len(samples)))]


def _draw(folder: Path) -> Iterator[Sample]:
    for kind, (name, painter) in enumerate(PAINTERS.items()):
        for number in range(_NUM_DRAWN):
            draw_sample(painter, np.random.default_rng([kind, number])).save(folder / f"{name}-{number}.png")
            yield Sample(f"{name}-{number}.png", 0)
