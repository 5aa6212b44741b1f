"""Answer for files and folders with a model file."""

import os
from collections.abc import Generator, Iterator, Sequence
from functools import lru_cache
from pathlib import Path

import torch
from torch import Tensor

from engine.card import ModelCard, read_card
from engine.dataset import Sample, images_below
from engine.events import Event
from engine.ml.allocator import keep_freed_memory
from engine.ml.checkpoint import load_model
from engine.ml.data import chunks_in_order, load_batches, measuring_loader
from engine.ml.device import choose_device
from engine.ml.inference import Forward, images_forward
from engine.ml.precision import answer_dtype
from engine.ml.transforms import Preprocessing
from engine.predictions import Prediction
from engine.progress import Ticker


def predict_paths(model_path: Path, paths: Sequence[Path], num_top: int) -> Generator[Event | Prediction, None, int]:
    """Yield an answer for each file, and for each image inside each folder, in their order; return their number.

    The answer for an image is exactly what validation made of it. A file that cannot be read gets an answer with its
    error. Raises EngineError where the model cannot be used.
    """
    read_card(model_path)  # a missing file must be a sentence, not a failing `stat` below
    forward, card = _open(model_path.absolute(), model_path.stat().st_mtime_ns)
    samples = [Sample(os.fspath(path), 0) for path in _expand(paths)]
    ticker = Ticker("predict", len(samples))
    num_done = 0
    for batch in load_batches(chunks_in_order(samples), measuring_loader(Path(), Preprocessing.of(card))):
        errors = {bad.path: bad.reason for bad in batch.unreadable}
        answers = iter(_answers(forward, batch.inputs, card.classes, num_top) if batch.samples else ())
        for sample in samples[num_done : num_done + len(batch.samples) + len(batch.unreadable)]:
            if sample.path in errors:
                yield Prediction(sample.path, error=errors[sample.path])
            else:
                yield Prediction(sample.path, next(answers))
            num_done += 1
        yield from ticker.at(num_done)
    return num_done


@lru_cache(maxsize=1)
def _open(model_path: Path, _changed: int) -> tuple[Forward, ModelCard]:
    # Kept, so that the second drop is answered at once; a rewritten file has another time of change
    model, card = load_model(model_path)
    keep_freed_memory()
    device = choose_device("auto")
    return images_forward(model, Preprocessing.of(card), device, answer_dtype(card.precision, device)), card


def _expand(paths: Sequence[Path]) -> Iterator[Path]:
    for path in paths:
        if path.is_dir():
            yield from images_below(path)
        else:
            yield path


def _answers(
    forward: Forward, images: Tensor, classes: tuple[str, ...], num_top: int
) -> list[tuple[tuple[str, float], ...]]:
    with torch.inference_mode():
        probabilities = forward(images).float().softmax(1).cpu()
    values, indices = probabilities.topk(min(num_top, len(classes)), dim=1)
    return [
        tuple((classes[index], value) for value, index in zip(row_values, row_indices))
        for row_values, row_indices in zip(values.tolist(), indices.tolist())
    ]
