"""Robustness: accuracy of a model on corrupted validation images."""

from collections.abc import Generator, Sequence

import torch
from torch import Tensor

from engine.core.errors import EngineError
from engine.core.events import Event
from engine.core.progress import Ticker
from engine.core.time_stamps import now
from engine.data.dataset import Sample
from engine.ml.evaluation.corruptions import CORRUPTIONS, Corruption, corrupt_images
from engine.ml.evaluation.evaluation_samples import choose_evaluation_samples
from engine.ml.evaluation.open_model import NON_FINITE_OUTPUTS, open_model
from engine.ml.evaluation.stratified_subset import stratified_subset
from engine.ml.loading.loader import EVAL_BATCH_SIZE, chunks_in_order, eval_loader, load_batches
from engine.ml.models.inference import Forward
from engine.results.confusion_matrix import confusion_matrix
from engine.results.headline import matrix_headline
from engine.results.robustness import Broken, RobustnessReport, Trial, write_robustness
from engine.runs.image_folder import require_images
from engine.runs.run_folder import Run

MAX_IMAGES = 100
"""With 7 kinds at 3 levels, this many images take about 15 s with a small network on two cores."""


def measure_robustness(run: Run) -> Generator[Event, None, RobustnessReport]:
    """Evaluate the model of a run on validation images, unmodified and corrupted, and save the report.

    At most `MAX_IMAGES` images are used, stratified by class, of those that `choose_evaluation_samples` takes from the
    folder of the run.

    Raises:
        EngineError: The run has no model, or none of its validation images can be read.
    """
    model, root = open_model(run.model_path), require_images(run).root
    classes = model.metadata.classes
    chosen = yield from choose_evaluation_samples(run.model_path, root)
    forward = model.make_logits_forward()
    samples = stratified_subset(chosen.samples, MAX_IMAGES)
    batches = load_batches(chunks_in_order(samples), eval_loader(root, model.preprocessing))
    batches_read = [batch for batch in batches if batch.samples]
    if not batches_read:
        raise EngineError(
            "None of the validation images of this run could be read. Check that the folder still holds them.", root
        )
    images = torch.cat([batch.inputs for batch in batches_read])
    readable = [sample for batch in batches_read for sample in batch.samples]
    labels = torch.tensor([sample.label for sample in readable])
    ticker = Ticker("robustness", len(images) * (1 + len(CORRUPTIONS)))
    confidences, predicted = _classify(forward, images, None)
    yield from ticker.at(len(images))
    is_correct = predicted == labels
    matrix = confusion_matrix(labels.numpy(), predicted.numpy(), len(classes))
    caveats = tuple(matrix_headline(matrix, classes).caveats())
    still_correct: dict[str, Tensor] = {}
    trials = []
    for number, corruption in enumerate(CORRUPTIONS, start=2):
        _, predicted = _classify(forward, images, corruption)
        before = still_correct.get(corruption.kind, is_correct)
        newly_wrong = before & (predicted != labels)
        still_correct[corruption.kind] = before & (predicted == labels)
        trials.append(
            Trial(
                kind=corruption.kind,
                level=corruption.level,
                accuracy=_mean(predicted == labels),
                num_images=len(readable),
                broken=_most_confident(readable, classes, newly_wrong, confidences, predicted),
            )
        )
        yield from ticker.at(number * len(images))
    report = RobustnessReport(
        root=str(root),
        num_images=len(readable),
        accuracy=_mean(is_correct),
        trials=tuple(trials),
        caveats=caveats,
        evaluated=now(),
    )
    write_robustness(report, run.robustness_path)
    return report


def _most_confident(
    samples: Sequence[Sample], classes: Sequence[str], is_broken: Tensor, confidences: Tensor, predicted: Tensor
) -> Broken | None:
    """Return the image with the highest original confidence among those that a corruption breaks; None for none.

    Args:
        samples: The N images.
        classes: Names of the classes.
        is_broken: Whether the corruption makes a correct prediction wrong, shape (N,).
        confidences: Confidences on the unmodified images, shape (N,).
        predicted: Predicted classes on the corrupted images, shape (N,).
    """
    if not is_broken.any():
        return None
    position = int(torch.where(is_broken, confidences, torch.tensor(-1.0)).argmax())
    sample = samples[position]
    return Broken(path=sample.path, label=classes[sample.label], predicted=classes[int(predicted[position])])


def _classify(forward: Forward, images: Tensor, corruption: Corruption | None) -> tuple[Tensor, Tensor]:
    """Return confidences (N,), 0..1, and predicted classes (N,) of uint8 images (N, 3, S, S)."""
    probabilities = []
    with torch.inference_mode():
        for start in range(0, len(images), EVAL_BATCH_SIZE):
            batch = images[start : start + EVAL_BATCH_SIZE]
            inputs = batch if corruption is None else corrupt_images(batch, corruption)
            probabilities.append(forward(inputs).softmax(1).cpu())
    confidences, predicted = torch.cat(probabilities).max(1)
    if not confidences.isfinite().all():
        raise EngineError(NON_FINITE_OUTPUTS)
    return confidences, predicted


def _mean(mask: Tensor) -> float:
    return float(mask.float().mean())
