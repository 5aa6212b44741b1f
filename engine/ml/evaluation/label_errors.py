"""Label errors: detection of suspected wrong labels, and the gain from corrections."""

from collections.abc import Generator
from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt

from engine.audit.findings import Audit
from engine.audit.image_digests import Flags
from engine.audit.photo_groups import with_duplicates
from engine.audit.review_queue import CorrectionGain, LabelIssue, Review, build_queue
from engine.core.errors import EngineError
from engine.core.event_stream import run_to_end
from engine.core.events import Event
from engine.data.dataset import Dataset, Sample, scan_in_steps
from engine.data.fold_groups import fold_groups
from engine.data.label_overrides import apply_decisions, read_decisions
from engine.ml.evaluation.learnt_from import find_unlearnt
from engine.ml.evaluation.linear_probe import (
    NUM_FOLDS,
    Embeddings,
    Labels,
    Probabilities,
    compute_embeddings,
    out_of_fold_probabilities,
)


def review_labels(dataset: Dataset, model_path: Path, audit: Audit) -> Generator[Event, None, Review]:
    """Return the review queue with suspected wrong labels, and the cross-validated accuracy on the given labels.

    Only images that the model has not learnt from count for the accuracy, because its embeddings of the others depend
    on their labels. Images of the test split are not used, so that the test stays independent.

    Raises:
        EngineError: The model cannot be used, or there are too few readable images.
    """
    embeddings = yield from compute_embeddings(dataset.root, _training_samples(dataset, audit), model_path)
    labels = embeddings.labels
    probabilities = out_of_fold_probabilities(
        embeddings.vectors, labels, len(dataset.classes), groups=_groups(embeddings, audit)
    )
    label_issues = tuple(rank_label_issues(embeddings, probabilities, dataset.classes))
    queue = build_queue(dataset, audit, label_issues, read_decisions(dataset.root, dataset.paths))
    is_unlearnt = yield from find_unlearnt(dataset.root, embeddings.samples, model_path)
    num_images = int(is_unlearnt.sum())
    accuracy = _accuracy(probabilities, labels, is_unlearnt) if num_images else None
    return Review(items=queue, label_issues=label_issues, accuracy=accuracy, num_images=num_images)


def rank_label_issues(
    embeddings: Embeddings, probabilities: Probabilities, classes: tuple[str, ...]
) -> list[LabelIssue]:
    """Return the suspected wrong labels, highest score first, given out-of-fold `probabilities` (N, K)."""
    scores, suggested, is_issue = find_label_issues(probabilities, embeddings.labels)
    issues = [
        LabelIssue(
            path=sample.path,
            given=classes[sample.label],
            suggested=classes[label],
            probability=float(probabilities[row, label]),
            score=float(scores[row]),
        )
        for row, (sample, label) in enumerate(zip(embeddings.samples, suggested))
        if is_issue[row]
    ]
    return sorted(issues, key=lambda issue: (-issue.score, issue.path))


def find_label_issues(
    probabilities: Probabilities, labels: Labels
) -> tuple[Probabilities, Labels, npt.NDArray[np.bool_]]:
    """Find suspected wrong labels by confident learning (Northcutt et al. 2021, "Confident Learning", section 3.1).

    A label is an issue if another class is more likely after the probabilities of each class are adjusted by its
    threshold: the mean probability of the class among images with that given label. The adjustment prevents issues in
    classes for which the probe is rarely confident. Ranking by self-confidence found more flipped labels than ranking
    by margin, see `benchmarks/label_errors.py`.

    Args:
        probabilities: Out-of-fold class probabilities, shape (N, K).
        labels: Given labels, shape (N,).

    Returns:
        Score of each image, 1 - probability of the given label, shape (N,), 0..1; the most likely other class, shape
        (N,); and whether the label is an issue, shape (N,).
    """
    rows = np.arange(len(labels))
    adjusted = _adjust_by_thresholds(probabilities, labels)
    given = adjusted[rows, labels]
    adjusted[rows, labels] = -np.inf
    return 1 - probabilities[rows, labels], adjusted.argmax(1), adjusted.max(1) > given


def evaluate_corrections(dataset: Dataset, model_path: Path, audit: Audit) -> Generator[Event, None, CorrectionGain]:
    """Return the cross-validated accuracy before and after the corrections in the label log.

    Only images that the model has not learnt from count.

    Raises:
        EngineError: The model cannot be used, there are too few readable images, all of them are excluded, or the model
            learnt from all of them.
    """
    given = run_to_end(scan_in_steps(dataset.root, is_corrected=False))
    embeddings = yield from compute_embeddings(dataset.root, _training_samples(given, audit), model_path)
    names = [(sample.path, given.classes[sample.label]) for sample in embeddings.samples]
    corrected_names, _ = apply_decisions(names, read_decisions(dataset.root, given.paths), frozenset(given.classes))
    is_included = np.array([name is not None for name in corrected_names])
    if not is_included.any():
        raise EngineError("All images are excluded. Include some of them to evaluate the corrections.", dataset.root)
    is_unlearnt = yield from find_unlearnt(dataset.root, embeddings.samples, model_path)
    if not (is_unlearnt & is_included).any():
        raise EngineError(
            "The model learnt from all of these images, so the gain from corrections cannot be measured. "
            "Train again, or open another model.",
            dataset.root,
        )
    indices = {name: label for label, name in enumerate(given.classes)}
    corrected = np.array([indices[name] for name in corrected_names if name is not None], np.int64)
    vectors, labels, num_classes = embeddings.vectors, embeddings.labels, len(given.classes)
    groups = _groups(embeddings, audit)
    from_given = out_of_fold_probabilities(vectors, labels, num_classes, groups=groups)
    from_corrected = out_of_fold_probabilities(vectors[is_included], corrected, num_classes, groups=groups[is_included])
    is_measured = is_unlearnt[is_included]
    return CorrectionGain(
        accuracy_given=_accuracy(from_given, labels, is_unlearnt),
        before=_accuracy(from_given[is_included], corrected, is_measured),
        after=_accuracy(from_corrected, corrected, is_measured),
        num_given=int(is_unlearnt.sum()),
        num_images=int(is_measured.sum()),
    )


def _training_samples(dataset: Dataset, audit: Audit) -> list[Sample]:
    unreadable = {bad.path for bad in audit.unreadable}
    return [replace(s, split="train") for s in dataset.samples if s.split != "test" and s.path not in unreadable]


def _groups(embeddings: Embeddings, audit: Audit) -> Labels:
    """Return the group number of each image, shape (N,), equal for images that have to be in one fold."""
    groups = with_duplicates(audit.photo_groups, audit.duplicates)
    return np.array(fold_groups(embeddings.samples, groups, NUM_FOLDS), np.int64)


def _adjust_by_thresholds(probabilities: Probabilities, labels: Labels) -> Probabilities:
    num_classes = probabilities.shape[1]
    present = [label for label in range(num_classes) if (labels == label).any()]
    thresholds = np.zeros(num_classes)
    thresholds[present] = [probabilities[labels == label, label].mean() for label in present]
    shifted = np.maximum(probabilities - thresholds + thresholds.max(), 0)
    result: Probabilities = shifted / np.maximum(shifted.sum(1, keepdims=True), 1e-12)
    return result


def _accuracy(probabilities: Probabilities, labels: Labels, is_measured: Flags) -> float:
    return float((probabilities.argmax(1) == labels)[is_measured].mean())
