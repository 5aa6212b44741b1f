"""Choice of the images that a model is evaluated on: those it has not learnt from, with classes matched by name."""

from collections import Counter
from collections.abc import Generator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from engine.audit.scan import fingerprint_dataset
from engine.core.errors import EngineError
from engine.core.event_stream import run_to_end
from engine.core.events import Event, Warned
from engine.core.formatting import count
from engine.data.dataset import Dataset, Sample, Split, scan_in_steps
from engine.ml.evaluation.learnt_from import find_learnt_from
from engine.results.model_metadata import read_metadata

_MAX_NAMES = 5
_UNKNOWN = (
    "This model is of an older version and its run is not beside it, so the images it learnt from are not known and "
    "may be counted."
)


@dataclass(frozen=True)
class EvaluationSamples:
    """Images of a folder, with labels that are indices of the classes of a model."""

    root: Path
    samples: tuple[Sample, ...]
    """Images that the model has not learnt from."""
    training: tuple[Sample, ...]
    """Images for training: those that the model learnt from, or those of train/ if the folder has val/."""
    num_left_out: int = 0
    """Number of images that are not among `samples` because the model learnt from them."""


def choose_evaluation_samples(
    model_path: Path, data: Path, split: Split | None = None
) -> Generator[Event, None, EvaluationSamples]:
    """Return the images of a folder, as it is now, that a model can be evaluated on.

    These are the validation images, or all images if the folder has no validation split, without the images that the
    model learnt from and their copies. Yields progress, and a warning for everything that is left out.

    Args:
        model_path: The model file.
        data: The folder.
        split: Split to take images from. None: validation, or everything but test/ if there is none.

    Raises:
        EngineError: The model or the folder cannot be used, they have no class name in common, or no image is left.
    """
    metadata, dataset = read_metadata(model_path), run_to_end(scan_in_steps(data))
    matched = yield from _match_classes(dataset, metadata.classes, split)
    candidates, others = matched
    scanned = yield from fingerprint_dataset(replace(dataset, samples=candidates), is_part=True)
    learnt = yield from find_learnt_from(model_path)
    if not learnt.is_known:
        yield Warned(message=_UNKNOWN)
    copies = yield from learnt.find_copies(scanned)
    is_copy = copies.is_any
    left_out = [sample for sample, flag in zip(scanned.samples, is_copy) if flag]
    paths = {sample.path for sample in left_out}
    samples = tuple(sample for sample in candidates if sample.path not in paths)
    if left_out:
        yield Warned(message=_left_out_message(len(left_out), len(candidates), int(np.sum(copies.is_resaved & is_copy))))
    if not samples:
        raise EngineError(
            f"The model learnt from all {count(len(candidates), 'image')} here, so they cannot show how good it is. "
            "Choose a folder with other images.",
            data,
        )
    return EvaluationSamples(dataset.root, samples, (*left_out, *others), len(left_out))


def _left_out_message(num_left_out: int, num_images: int, num_resaved: int) -> str:
    resaved = f" ({num_resaved:,} as re-saved copies)" if num_resaved else ""
    verb = "is" if num_left_out == 1 else "are"
    return f"{num_left_out:,} of {count(num_images, 'image')} {verb} left out: the model learnt from them{resaved}."


def _match_classes(
    dataset: Dataset, classes: tuple[str, ...], split: Split | None
) -> Generator[Event, None, tuple[tuple[Sample, ...], tuple[Sample, ...]]]:
    """Return the samples of the wanted split and those of training, both with labels of the model."""
    labels = {name: label for label, name in enumerate(classes)}
    named = [(sample.path, dataset.classes[sample.label], sample.split) for sample in dataset.samples]
    images = [*named, *dataset.unmatched]
    wanted: Sequence[Split] = (split,) if split else ("val",) if dataset.has_val else ("train",)
    chosen = [image for image in images if image[2] in wanted]
    unknown = Counter(name for _, name, _ in chosen if name not in labels)
    samples = tuple(Sample(path, labels[name], part) for path, name, part in chosen if name in labels)
    if not samples:
        names = f"{', '.join(classes[:_MAX_NAMES])}{', …' if len(classes) > _MAX_NAMES else ''}"
        raise EngineError(
            f"No class folder here has the name of a class of the model ({names}). Choose a folder with these classes.",
            dataset.root,
        )
    for name, number in unknown.items():
        yield Warned(message=f"Class '{name}' is left out ({count(number, 'image')}): the model does not have it.")
    num_test = sum(part == "test" for _, _, part in images) if split is None and not dataset.has_val else 0
    if num_test:
        yield Warned(message=f"The {count(num_test, 'image')} in test/ are not counted: they are for the final test.")
    others = () if "train" in wanted else (image for image in images if image[2] == "train")
    return samples, tuple(Sample(path, labels[name], "train") for path, name, _ in others if name in labels)
