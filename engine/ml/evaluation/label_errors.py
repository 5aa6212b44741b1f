"""Rank the labels that a probe doubts, and score the labels before and after corrections."""

from collections.abc import Generator
from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt

from engine.audit.findings import Audit
from engine.audit.review_queue import CorrectionGain, LabelIssue, Review, build_queue
from engine.core.errors import EngineError
from engine.core.event_stream import run_to_end
from engine.core.events import Event
from engine.data.dataset import Dataset, Sample, scan_in_steps
from engine.data.label_overrides import correct, read_decisions
from engine.ml.evaluation.linear_probe import Embeddings, Labels, Probabilities, cross_validated, embed


def review(dataset: Dataset, model_path: Path, audit: Audit) -> Generator[Event, None, Review]:
    """Return what should be looked at, and the cross-validated accuracy on these labels.

    Images of `test` are left alone, so that they stay a test.
    """
    embeddings = yield from embed(dataset.root, _learnable(dataset, audit), model_path)
    labels = embeddings.labels
    probabilities = cross_validated(embeddings.rows, labels, len(dataset.classes), groups=_groups(embeddings, audit))
    label_issues = tuple(rank(embeddings, probabilities, dataset.classes))
    queue = build_queue(dataset, audit, label_issues, read_decisions(dataset.root))
    accuracy = _accuracy(probabilities, labels)
    return Review(items=queue, label_issues=label_issues, accuracy=accuracy, num_images=len(labels))


def rank(embeddings: Embeddings, probabilities: Probabilities, classes: tuple[str, ...]) -> list[LabelIssue]:
    """Return the labels against which out-of-fold `probabilities` (N, K) speak, the least supported first."""
    labels = embeddings.labels
    scores, suggested, is_doubted = find_label_issues(probabilities, labels)
    found = [
        LabelIssue(
            path=sample.path,
            given=classes[sample.label],
            suggested=classes[guess],
            probability=float(probabilities[row, guess]),
            score=float(scores[row]),
        )
        for row, (sample, guess) in enumerate(zip(embeddings.samples, suggested))
        if is_doubted[row]
    ]
    return sorted(found, key=lambda suspicion: (-suspicion.score, suspicion.path))


def find_label_issues(
    probabilities: Probabilities, labels: Labels
) -> tuple[Probabilities, Labels, npt.NDArray[np.bool_]]:
    """Return how little each label is supported (N,), 0..1, the likeliest other class (N,), and whether it is likelier.

    The score is 1 - the probability of the label, the self-confidence of confident learning (Northcutt et al. 2021,
    section 3.1). It ranked flipped labels higher than the margin did, see `benchmarks/labels.py`. Which class is
    likelier is asked after the probabilities of a class were raised or lowered by its threshold, the mean probability
    among images that bear its label, so that a class of which the probe is seldom sure is not doubted for that.
    """
    rows = np.arange(len(labels))
    others = _adjusted(probabilities, labels)
    own = others[rows, labels]
    others[rows, labels] = -np.inf
    return 1 - probabilities[rows, labels], others.argmax(1), others.max(1) > own


def evaluate_corrections(dataset: Dataset, model_path: Path, audit: Audit) -> Generator[Event, None, CorrectionGain]:
    """Return what the journal's corrections did to the cross-validated accuracy."""
    filed = run_to_end(scan_in_steps(dataset.root, is_corrected=False))
    embeddings = yield from embed(dataset.root, _learnable(filed, audit), model_path)
    decisions = read_decisions(dataset.root)
    names = [(sample.path, filed.classes[sample.label]) for sample in embeddings.samples]
    corrected, _ = correct(names, decisions, frozenset(filed.classes))
    kept = np.array([name is not None for name in corrected])
    if not kept.any():
        raise EngineError("Every image is excluded, so there is nothing to measure on.", dataset.root)
    indices = {name: label for label, name in enumerate(filed.classes)}
    checked = np.array([indices[name] for name in corrected if name is not None], np.int64)
    rows, labels, num_classes = embeddings.rows, embeddings.labels, len(filed.classes)
    groups = _groups(embeddings, audit)
    by_filed = cross_validated(rows, labels, num_classes, groups=groups)
    by_checked = cross_validated(rows[kept], checked, num_classes, groups=groups[kept])
    return CorrectionGain(
        accuracy_given=_accuracy(by_filed, labels),
        before=_accuracy(by_filed[kept], checked),
        after=_accuracy(by_checked, checked),
        num_given=len(labels),
        num_images=len(checked),
    )


def _learnable(dataset: Dataset, audit: Audit) -> list[Sample]:
    unreadable = {bad.path for bad in audit.unreadable}
    return [replace(s, split="train") for s in dataset.samples if s.split != "test" and s.path not in unreadable]


def _groups(embeddings: Embeddings, audit: Audit) -> Labels:
    """Return a number for each image, shape (N,), the same for images that show the same."""
    first: dict[str, str] = {}
    for group in audit.duplicates:
        # Groups may overlap: an image that is in one already draws the others in
        head = next((first[path] for path in group.paths if path in first), group.paths[0])
        first |= {path: first.get(path, head) for path in group.paths}
    keys = [first.get(sample.path, sample.path) for sample in embeddings.samples]
    result: Labels = np.unique(keys, return_inverse=True)[1].astype(np.int64)
    return result


def _adjusted(probabilities: Probabilities, labels: Labels) -> Probabilities:
    num_classes = probabilities.shape[1]
    present = [label for label in range(num_classes) if (labels == label).any()]
    thresholds = np.zeros(num_classes)
    thresholds[present] = [probabilities[labels == label, label].mean() for label in present]
    raised = probabilities - thresholds + thresholds.max()
    raised = np.maximum(raised, 0)
    result: Probabilities = raised / np.maximum(raised.sum(1, keepdims=True), 1e-12)
    return result


def _accuracy(probabilities: Probabilities, labels: Labels) -> float:
    return float((probabilities.argmax(1) == labels).mean())
