"""Choice of the images that a model is evaluated on: those it has not learnt from, with classes matched by name."""

from collections import Counter
from collections.abc import Generator
from dataclasses import dataclass, replace
from pathlib import Path

from engine.audit.learnt_from import NOTHING
from engine.audit.learnt_images import LearntImages, doubtful_message
from engine.audit.scan import fingerprint_dataset
from engine.core.errors import EngineError
from engine.core.event_stream import run_to_end
from engine.core.events import Event, Warned
from engine.core.formatting import count, listing, sentence_about
from engine.data.class_names import match_class_names
from engine.data.dataset import Dataset, Sample, scan_in_steps
from engine.data.folders.split_names import Split
from engine.data.label_log import LABEL_LOG_NAME
from engine.ml.evaluation.learnt_from import find_learnt_from
from engine.results.model_metadata import read_metadata

_ORDER: tuple[Split, ...] = ("val", "train", "test")
"""Splits by preference for evaluation; test/ alone is a folder of images like any other."""
_UNKNOWN = (
    "This model is of an older version, which does not record the images it learnt from, so some of them may be "
    "counted."
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
    model_path: Path, data: Path, split: Split | None = None, chosen_by: LearntImages = NOTHING.images
) -> Generator[Event, None, EvaluationSamples]:
    """Return the images that `divide_samples` finds for evaluation; raise EngineError if there are none."""
    divided = yield from divide_samples(model_path, data, split, chosen_by)
    if not divided.samples:
        raise EngineError(
            f"The model learnt from all {count(divided.num_left_out, 'image')} here, so they cannot show how good it "
            "is. Choose a folder with other images.",
            data,
        )
    return divided


def divide_samples(
    model_path: Path, data: Path, split: Split | None = None, chosen_by: LearntImages = NOTHING.images
) -> Generator[Event, None, EvaluationSamples]:
    """Divide the images of a folder, as it is now, into those a model can be evaluated on and those it learnt from.

    The former are the validation images, or all images if the folder has no validation split, without copies of the
    latter. Yields progress, and a warning for everything that is left out.

    Args:
        model_path: The model file.
        data: The folder.
        split: Split to take images from. None: validation, or everything but test/ if there is none.
        chosen_by: Images that chose the best epoch of the model; their copies are left out as well.

    Raises:
        EngineError: The model or the folder cannot be used, or they have no class name in common.
    """
    metadata, dataset = read_metadata(model_path), run_to_end(scan_in_steps(data))
    candidates, others = yield from _match_classes(dataset, metadata.classes, split)
    scanned = yield from fingerprint_dataset(replace(dataset, samples=candidates), is_part=True)
    learnt = yield from find_learnt_from(model_path)
    if not learnt.is_known:
        yield Warned(message=_UNKNOWN)
    learnt = replace(learnt, images=learnt.images.union(chosen_by))
    copies = yield from learnt.find_copies(scanned)
    left_out = [sample for sample, flag in zip(scanned.samples, copies.is_any) if flag]
    paths = {sample.path for sample in left_out}
    if copies.is_doubtful.any():
        yield Warned(message=doubtful_message(int(copies.is_doubtful.sum()), "image"))
    is_any_left = len(left_out) < len(scanned.samples) or not left_out  # unreadable images are reported later
    samples = tuple(sample for sample in candidates if sample.path not in paths) if is_any_left else ()
    if left_out:
        num_resaved = int(copies.is_resaved.sum())
        reason = "they are copies of training or validation images" if len(chosen_by) else "the model learnt from them"
        yield Warned(message=_left_out_message(len(left_out), len(candidates), num_resaved, reason))
    return EvaluationSamples(dataset.root, samples, (*left_out, *others), len(left_out))


def _left_out_message(num_left_out: int, num_images: int, num_resaved: int, reason: str) -> str:
    resaved = f" ({num_resaved:,} as re-saved copies)" if num_resaved else ""
    verb = "is" if num_left_out == 1 else "are"
    return f"{num_left_out:,} of {count(num_images, 'image')} {verb} left out: {reason}{resaved}."


def _match_classes(
    dataset: Dataset, classes: tuple[str, ...], split: Split | None
) -> Generator[Event, None, tuple[tuple[Sample, ...], tuple[Sample, ...]]]:
    """Return the samples of the wanted split and those of training, both with labels of the model."""
    named = [(sample.path, dataset.classes[sample.label], sample.split) for sample in dataset.samples]
    images = sorted([*named, *dataset.unmatched])
    matches = match_class_names((name for _, name, _ in images), classes)
    labels = {name: classes.index(own) for name, own in matches.items()}
    splits = {part for _, _, part in images}
    wanted = split or next(name for name in _ORDER if name in splits)
    chosen = [image for image in images if image[2] == wanted]
    unknown = Counter(name for _, name, _ in chosen if name not in labels)
    samples = tuple(Sample(path, labels[name], part) for path, name, part in chosen if name in labels)
    if not samples:
        raise EngineError(
            f"No class folder here has the name of a class of the model ({listing(classes)}). "
            "Choose a folder with these classes.",
            dataset.root,
        )
    yield from (Warned(message=note) for note in dataset.notes if LABEL_LOG_NAME in note)
    if unknown:
        number = count(unknown.total(), "image")
        message = f"[Class|Classes] {{names}} [is|are] left out ({number}): the model does not have [it|them]."
        yield Warned(message=sentence_about(message, list(unknown)))
    num_test = sum(part == "test" for _, _, part in images) if (split, wanted) == (None, "train") else 0
    if num_test:
        yield Warned(message=f"The {count(num_test, 'image')} in test/ are not counted: they are for the final test.")
    others = () if wanted == "train" else (image for image in images if image[2] == "train")
    return samples, tuple(Sample(path, labels[name], "train") for path, name, _ in others if name in labels)
