"""Prediction for image files and folders with a model file."""

import os
from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path

import torch
from torch import Tensor

from engine.core.events import Event, Warned
from engine.core.file_key import FileKey, file_version
from engine.core.path_text import path_to_text
from engine.core.progress import Ticker
from engine.data.dataset import Sample, find_images
from engine.ml.evaluation.open_model import NON_FINITE_OUTPUTS, open_model
from engine.ml.evaluation.out_of_distribution import mean_knn_cosine
from engine.ml.loading.loader import chunks_in_order, eval_loader, load_batches
from engine.ml.models.inference import Forward, make_head_forward
from engine.ml.models.preprocessing import Preprocessing
from engine.ml.models.reference_embeddings import read_embeddings
from engine.ml.runtime.memory import keep_freed_memory
from engine.results.calibration import OperatingPoint, choose_operating_point
from engine.results.class_recalls import describe_weak
from engine.results.few_images import too_few
from engine.results.model_metadata import ModelMetadata, read_metadata
from engine.results.predictions import UNKNOWN, Prediction


@dataclass(frozen=True)
class Predictor:
    """A model that is loaded and ready to predict."""

    metadata: ModelMetadata
    embed: Forward
    """Function from uint8 images (N, 3, S, S) to embeddings (N, D)."""
    head: Forward
    """Function from embeddings (N, D) to logits (N, K)."""
    reference: Tensor | None
    """Embeddings of training images, (N, D), float32, of length 1; None if the model file has none."""


def predict_paths(
    model_path: Path, paths: Sequence[Path], num_top: int, max_error: float | None
) -> Generator[Event | Prediction, None, int]:
    """Yield a prediction for each file, and for each image in each folder; return their number.

    Confidences are identical to those computed in validation. Predictions whose confidence is below the threshold for
    `max_error` are `unsure`; images that are out of distribution are `unknown`. For a file that cannot be read the
    prediction holds the error.

    Args:
        model_path: The model file.
        paths: Image files and folders, in the order of the predictions.
        num_top: Number of most likely classes in each prediction.
        max_error: Maximum error rate (0..1) among predictions that are not `unsure`; None: no limit.

    Raises:
        EngineError: The model cannot be used.
    """
    return (yield from predict_with(open_predictor(model_path), paths, num_top, max_error))


def predict_with(
    predictor: Predictor, paths: Sequence[Path], num_top: int, max_error: float | None
) -> Generator[Event | Prediction, None, int]:
    """Predict as `predict_paths` does, with a model that is already loaded."""
    metadata = predictor.metadata
    coverage = metadata.calibration.coverage if metadata.calibration else ()
    operating_point = choose_operating_point(coverage, max_error)
    yield from (Warned(message=sentence) for sentence in _caveats(metadata, operating_point, max_error))
    samples = [Sample(path_to_text(os.fspath(path)), 0) for path in _expand(paths)]
    ticker = Ticker("predict", len(samples))
    num_done = 0
    for batch in load_batches(chunks_in_order(samples), eval_loader(Path(), Preprocessing.from_metadata(metadata))):
        errors = {bad.path: bad.reason for bad in batch.unreadable}
        batch_paths = [sample.path for sample in batch.samples]
        predictions = _predict_batch(predictor, batch.inputs, batch_paths, num_top, operating_point.threshold)
        for sample in samples[num_done : num_done + len(batch.samples) + len(batch.unreadable)]:
            if sample.path in errors:
                yield Prediction(sample.path, error=errors[sample.path], classes=metadata.classes)
            else:
                yield next(predictions)
            num_done += 1
        yield from ticker.at(num_done)
    return num_done


def _caveats(metadata: ModelMetadata, operating_point: OperatingPoint, max_error: float | None) -> Iterator[str]:
    """Yield sentences about decisions that the validation images of the model cannot support."""
    calibration, best = metadata.calibration, metadata.best
    if not operating_point.is_guaranteed:
        yield (
            f"{too_few(operating_point.num_images)} to keep errors under {max_error:.0%}, so no image is marked "
            "unsure. Use a larger validation split."
        )
    elif max_error is not None and best is not None and best.weakest:
        weak = describe_weak(best.weakest, best.num_weak)
        yield f"Errors are kept under {max_error:.0%} of all images together, not of each class. {weak}"
    if calibration is not None and calibration.ood_caveat:
        yield calibration.ood_caveat


def open_predictor(model_path: Path) -> Predictor:
    """Load a model file for prediction; the last one is cached. Raises EngineError if it cannot be used."""
    read_metadata(model_path)  # raises an EngineError for a missing file, where `stat` would raise an OSError
    return _open(model_path.absolute(), file_version(model_path))


@lru_cache(maxsize=1)
def _open(model_path: Path, _version: FileKey) -> Predictor:
    # The version is part of the cache key, so a rewritten file is loaded again
    model = open_model(model_path)
    keep_freed_memory()
    return Predictor(
        model.metadata, model.make_embedding_forward(), make_head_forward(model.network), read_embeddings(model_path)
    )


def _expand(paths: Sequence[Path]) -> Iterator[Path]:
    for path in paths:
        if os.path.isdir(path):  # unlike Path.is_dir, it does not raise without permission
            yield from find_images(path)
        else:
            yield path


def _predict_batch(
    predictor: Predictor, images: Tensor, paths: Sequence[str], num_top: int, threshold: float
) -> Iterator[Prediction]:
    if not paths:
        return
    classes, calibration = predictor.metadata.classes, predictor.metadata.calibration
    with torch.inference_mode():
        embeddings = predictor.embed(images)
        probabilities = (predictor.head(embeddings).float() / predictor.metadata.temperature).softmax(1).cpu()
        reference = predictor.reference
        similarities = None if reference is None else mean_knn_cosine(embeddings.cpu(), reference).tolist()
    ood_threshold = calibration.ood_threshold if calibration else None
    values, indices = probabilities.topk(min(num_top, len(classes)), dim=1)
    is_finite = probabilities.isfinite().all(1).tolist()
    for position, path in enumerate(paths):
        if not is_finite[position]:
            yield Prediction(path, error=NON_FINITE_OUTPUTS, classes=classes)
            continue
        top = tuple((classes[index], value) for value, index in zip(values[position].tolist(), indices[position]))
        similarity = None if similarities is None else similarities[position]
        prediction = Prediction(
            path, top, similarity=similarity, classes=classes, probabilities=probabilities[position].numpy()
        )
        if similarity is not None and ood_threshold is not None and similarity < ood_threshold:
            yield replace(prediction, decision=UNKNOWN)
        else:
            yield prediction.with_threshold(threshold)
