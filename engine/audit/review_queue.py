"""Review queue: suspected wrong labels, duplicates and unreadable files for a person to check."""

from collections.abc import Container, Iterable
from typing import Literal, TypeAlias

from engine.audit.findings import Audit, DuplicateGroup
from engine.core.formatting import NBSP, percent
from engine.core.records import FrozenModel
from engine.data.dataset import Dataset

ReviewKind: TypeAlias = Literal["label", "duplicate", "unreadable"]


class LabelIssue(FrozenModel):
    """A suspected wrong label, found by the out-of-fold predictions of a probe."""

    path: str
    given: str
    """Given label."""
    suggested: str
    probability: float
    """Out-of-fold probability (0..1) of the suggested class."""
    score: float
    """1 - out-of-fold probability (0..1) of the given label."""


class ReviewItem(FrozenModel):
    """An image to review."""

    path: str
    kind: ReviewKind
    given: str
    """Given label, with corrections applied."""
    suggested: str | None = None
    score: float
    """Severity (0..1)."""
    reason: str
    """One sentence."""
    duplicates: tuple[str, ...] = ()
    """Paths of the other images of its group of duplicates."""


class Review(FrozenModel):
    """The review queue, and the cross-validated accuracy of the probe that found the label issues."""

    items: tuple[ReviewItem, ...] = ()
    label_issues: tuple[LabelIssue, ...] = ()
    """All label issues; `build_queue` builds the queue from them again after a decision."""
    accuracy: float | None = None
    """Cross-validated accuracy (0..1) of the probe; None without a model."""
    num_images: int = 0
    """Number of images behind `accuracy`."""


class CorrectionGain(FrozenModel):
    """Effect of the label corrections. All accuracies (0..1) are cross-validated with a probe on cached embeddings."""

    accuracy_given: float
    """Trained and evaluated on the given labels."""
    before: float
    """Trained on the given labels, evaluated on the corrected ones."""
    after: float
    """Trained and evaluated on the corrected labels, on the same images as `before`."""
    num_given: int
    """Number of images behind `accuracy_given`."""
    num_images: int
    """Number of images behind `before` and `after`."""


def build_queue(
    dataset: Dataset, audit: Audit, label_issues: Iterable[LabelIssue], decided: Container[str]
) -> tuple[ReviewItem, ...]:
    """Return the review queue, each image once.

    The order is: duplicates with conflicting labels, unreadable files, label issues, other duplicates.

    Args:
        dataset: The dataset with its corrections applied, so that resolved conflicts are not returned.
        audit: Findings about the dataset.
        label_issues: Suspected wrong labels.
        decided: Paths of images that were reviewed already; they are left out.
    """
    classes = {sample.path: dataset.classes[sample.label] for sample in dataset.samples}
    issues = {issue.path: issue for issue in label_issues}
    groups = [_restrict(group, classes) for group in audit.duplicates]
    conflicts = [group for group in groups if len({classes[path] for path in group.paths}) > 1]
    agreeing = [group for group in groups if group.kind != "burst" and len(group.paths) > 1 and group not in conflicts]
    queue: list[ReviewItem] = []
    for group in conflicts:
        queue += [_conflict_item(path, group, classes, issues.get(path)) for path in group.paths]
    queue += [
        ReviewItem(path=image.path, kind="unreadable", given=classes[image.path], score=1.0, reason=image.reason)
        for image in audit.unreadable
        if image.path in classes
    ]
    queue += [_label_item(issue) for issue in issues.values()]
    for group in agreeing:
        queue += [_duplicate_item(path, group, classes) for path in group.paths[1:]]
    first_items = {item.path: item for item in reversed(queue)}
    return tuple(item for item in queue if first_items[item.path] is item and item.path not in decided)


def _restrict(group: DuplicateGroup, classes: dict[str, str]) -> DuplicateGroup:
    """Return the group without images that are no longer in the dataset."""
    return group.model_copy(update={"paths": tuple(path for path in group.paths if path in classes)})


def _conflict_item(path: str, group: DuplicateGroup, classes: dict[str, str], issue: LabelIssue | None) -> ReviewItem:
    given = classes[path]
    # Images with another label come first, because they are shown next to this one.
    duplicates = sorted((other for other in group.paths if other != path), key=lambda other: classes[other] == given)
    names = [given, *sorted({classes[other] for other in duplicates} - {given})]
    subject = "Same file" if group.kind == "exact" else "Same image"
    model = f"; model says {issue.suggested} ({_percent(issue.probability)})" if issue is not None else ""
    return ReviewItem(
        path=path,
        kind="duplicate",
        given=given,
        suggested=issue.suggested if issue is not None else classes[duplicates[0]],
        score=1.0,
        reason=f"{subject} in {', '.join(names[:-1])} and {names[-1]}{model}",
        duplicates=tuple(duplicates),
    )


def _duplicate_item(path: str, group: DuplicateGroup, classes: dict[str, str]) -> ReviewItem:
    relation = "Same file as" if group.kind == "exact" else "Nearly the same image as"
    duplicates = tuple(other for other in group.paths if other != path)
    reason = f"{relation} {duplicates[0]}"
    return ReviewItem(path=path, kind="duplicate", given=classes[path], score=0.5, reason=reason, duplicates=duplicates)


def _label_item(issue: LabelIssue) -> ReviewItem:
    return ReviewItem(
        path=issue.path,
        kind="label",
        given=issue.given,
        suggested=issue.suggested,
        score=issue.score,
        reason=f"Labelled {issue.given}, model says {issue.suggested} ({_percent(issue.probability)})",
    )


def _percent(probability: float) -> str:
    return percent(probability).replace(NBSP, " ")
