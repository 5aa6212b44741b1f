"""Answer for files and folders with a model file."""

import os
from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path

import torch
from torch import Tensor

from engine.core.events import Event, Warned
from engine.core.path_text import path_to_text
from engine.core.progress import Ticker
from engine.data.dataset import Sample, images_below
from engine.ml.evaluation.out_of_distribution import mean_knn_cosine
from engine.ml.loading.loader import chunks_in_order, eval_loader, load_batches
from engine.ml.models.inference import Forward, make_embedding_forward, make_head_forward
from engine.ml.models.model_file import load_model
from engine.ml.models.preprocessing import Preprocessing
from engine.ml.models.reference_embeddings import read_embeddings
from engine.ml.runtime.device import choose_device
from engine.ml.runtime.memory import keep_freed_memory
from engine.ml.runtime.precision import inference_dtype
from engine.results.calibration import choose_operating_point
from engine.results.model_metadata import ModelMetadata, read_metadata
from engine.results.predictions import UNKNOWN, Prediction

NOT_NUMBERS = "What the model answers is not a number: its weights are damaged or grew too large in training."


@dataclass(frozen=True)
class Predictor:
    """A model that is ready to answer."""

    card: ModelMetadata
    embed: Forward
    head: Forward
    reference: Tensor | None
    """Embeddings of training images, (N, D) of length 1."""


def predict_paths(
    model_path: Path, paths: Sequence[Path], num_top: int, max_error: float | None
) -> Generator[Event | Prediction, None, int]:
    """Yield an answer for each file, and for each image inside each folder, in their order; return their number.

    The confidences for an image are exactly what validation made of it. `max_error` (0..1) is the share of wrong ones
    among the answers that the user allows; the others are `unsure`. A file that cannot be read gets an answer with its
    error. Raises EngineError where the model cannot be used.
    """
    return (yield from predict_with(open_model(model_path), paths, num_top, max_error))


def predict_with(
    answerer: Predictor, paths: Sequence[Path], num_top: int, max_error: float | None
) -> Generator[Event | Prediction, None, int]:
    """Do what `predict_paths` does with a model that is open."""
    card = answerer.card
    coverage = card.calibration.coverage if card.calibration else ()
    budget = choose_operating_point(coverage, max_error)
    if not budget.is_guaranteed:
        yield Warned(
            message=f"{budget.num_images} validation images are too few to keep wrong answers under {max_error:.0%}: "
            "every image is answered."
        )
    samples = [Sample(path_to_text(os.fspath(path)), 0) for path in _expand(paths)]
    ticker = Ticker("predict", len(samples))
    num_done = 0
    for batch in load_batches(chunks_in_order(samples), eval_loader(Path(), Preprocessing.from_metadata(card))):
        errors = {bad.path: bad.reason for bad in batch.unreadable}
        answers = iter(
            _answers(answerer, batch.inputs, [sample.path for sample in batch.samples], num_top, budget.threshold)
        )
        for sample in samples[num_done : num_done + len(batch.samples) + len(batch.unreadable)]:
            yield Prediction(sample.path, error=errors[sample.path]) if sample.path in errors else next(answers)
            num_done += 1
        yield from ticker.at(num_done)
    return num_done


def open_model(model_path: Path) -> Predictor:
    """Return the model in a file, kept open; raise EngineError where it cannot be used."""
    read_metadata(model_path)  # a missing file must be a sentence, not a failing `stat` below
    return _open(model_path.absolute(), model_path.stat().st_mtime_ns)


@lru_cache(maxsize=1)
def _open(model_path: Path, _changed: int) -> Predictor:
    # Kept, so that the second drop is answered at once; a rewritten file has another time of change
    model, card = load_model(model_path)
    keep_freed_memory()
    device = choose_device("auto")
    embed = make_embedding_forward(
        model.backbone, Preprocessing.from_metadata(card), device, inference_dtype(card.precision, device)
    )
    return Predictor(card, embed, make_head_forward(model), read_embeddings(model_path))


def _expand(paths: Sequence[Path]) -> Iterator[Path]:
    for path in paths:
        if os.path.isdir(path):  # unlike that of a Path, it raises nothing where nobody may look
            yield from images_below(path)
        else:
            yield path


def _answers(
    answerer: Predictor, images: Tensor, paths: Sequence[str], num_top: int, threshold: float
) -> Iterator[Prediction]:
    if not paths:
        return
    classes, calibration = answerer.card.classes, answerer.card.calibration
    with torch.inference_mode():
        embeddings = answerer.embed(images)
        probabilities = (answerer.head(embeddings).float() / answerer.card.temperature).softmax(1).cpu()
        alike = None if answerer.reference is None else mean_knn_cosine(embeddings.cpu(), answerer.reference).tolist()
    bound = calibration.ood_threshold if calibration else None
    values, indices = probabilities.topk(min(num_top, len(classes)), dim=1)
    is_number = probabilities.isfinite().all(1).tolist()
    for position, path in enumerate(paths):
        if not is_number[position]:
            yield Prediction(path, error=NOT_NUMBERS)
            continue
        top = tuple((classes[index], value) for value, index in zip(values[position].tolist(), indices[position]))
        is_unknown = alike is not None and bound is not None and alike[position] < bound
        answer = Prediction(path, top, similarity=None if alike is None else alike[position])
        yield replace(answer, decision=UNKNOWN) if is_unknown else answer.with_threshold(threshold)
