"""Find label issues and measure the effect of label corrections."""

from pathlib import Path

from engine.audit.findings import Audit
from engine.audit.review_queue import CorrectionGain, Review, build_queue
from engine.data.dataset import Dataset
from engine.data.label_overrides import read_decisions
from engine.jobs.base import EventStream, load_torch, translate_device_errors


def review(dataset: Dataset, model: Path | None, audit: Audit) -> EventStream[Review]:
    """Return the review queue: suspected wrong labels, duplicates and unreadable files.

    Args:
        dataset: The scanned dataset.
        model: A model file for finding wrong labels; None: the queue holds only findings of the audit.
        audit: The result of `check` for this dataset.
    """
    if model is None:
        yield from ()
        return Review(items=build_queue(dataset, audit, (), read_decisions(dataset.root, dataset.paths)))
    yield from load_torch()
    from engine.ml.evaluation.label_errors import review_labels

    return (yield from translate_device_errors(review_labels(dataset, model, audit)))


def evaluate_corrections(dataset: Dataset, model: Path, audit: Audit = Audit()) -> EventStream[CorrectionGain]:  # noqa: B008 - frozen
    """Return the change of cross-validated accuracy that the corrections in the label log bring."""
    yield from load_torch()
    from engine.ml.evaluation.label_errors import evaluate_corrections as evaluate_label_corrections

    return (yield from translate_device_errors(evaluate_label_corrections(dataset, model, audit)))
