"""Review queue: suspected wrong labels, duplicates and unreadable files for a person to check."""

from collections import Counter
from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from itertools import chain, islice
from typing import Literal, TypeAlias

from engine.audit.findings import Audit, DuplicateGroup
from engine.core.formatting import NBSP, listing, percent
from engine.core.records import FrozenModel
from engine.data.dataset import Dataset
from engine.data.label_overrides import Action

MAX_DUPLICATES = 100
"""With all others of a group in each item, a group of 10,000 copies would need 100 million paths."""

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
    """Paths of other images of its group of duplicates, at most `MAX_DUPLICATES`."""


class Review(FrozenModel):
    """The review queue, and the cross-validated accuracy of the probe that found the label issues."""

    items: tuple[ReviewItem, ...] = ()
    label_issues: tuple[LabelIssue, ...] = ()
    """All label issues; `build_queue` builds the queue from them again after a decision."""
    accuracy: float | None = None
    """Cross-validated accuracy (0..1) of the probe; None without a model or if it learnt from all images."""
    num_images: int = 0
    """Number of images behind `accuracy`."""


class CorrectionGain(FrozenModel):
    """Effect of the label corrections.

    All accuracies (0..1) are cross-validated with a probe on cached embeddings, on images that the model has not learnt
    from.
    """

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
    conflicts: list[ReviewItem] = []
    agreeing: list[ReviewItem] = []
    for group in (_restrict(group, classes) for group in audit.duplicates):
        names = Counter(classes[path] for path in group.paths)
        if len(names) > 1:
            conflicts += _conflict_items(group, names, classes, issues)
        elif len(group.paths) > 1:
            agreeing += _duplicate_items(group, classes)
    unreadable = [
        ReviewItem(path=image.path, kind="unreadable", given=classes[image.path], score=1.0, reason=image.reason)
        for image in audit.unreadable
        if image.path in classes
    ]
    queue = [*conflicts, *unreadable, *map(_label_item, issues.values()), *agreeing]
    first_items = {item.path: item for item in reversed(queue)}
    return tuple(item for item in queue if first_items[item.path] is item and item.path not in decided)


def remaining_items(
    items: Sequence[ReviewItem], decided: ReviewItem, action: Action, class_name: str | None = None
) -> list[ReviewItem]:
    """Return the items that a decision leaves in the queue, without building the queue again.

    The decided image leaves the queue, and so do its duplicates if they were in conflict with its label alone.

    Args:
        items: The queue.
        decided: The item that was decided.
        action: The decision.
        class_name: The new class for `relabel`.
    """
    duplicates = frozenset(decided.duplicates)
    names = {item.given for item in items if item.path in duplicates}
    new_name = {"relabel": class_name, "keep": decided.given, "exclude": None}[action]
    is_resolved = bool(names - {decided.given}) and len(names | ({new_name} - {None})) == 1
    gone = {decided.path} | (duplicates if is_resolved else frozenset())
    return [item for item in items if item.path not in gone]


def _restrict(group: DuplicateGroup, classes: dict[str, str]) -> DuplicateGroup:
    """Return the group without images that are no longer in the dataset."""
    return group.model_copy(update={"paths": tuple(path for path in group.paths if path in classes)})


def _conflict_items(
    group: DuplicateGroup, names: Counter[str], classes: Mapping[str, str], issues: Mapping[str, LabelIssue]
) -> Iterator[ReviewItem]:
    """Yield an item for each image of a group with several labels.

    Images with another label come first among the duplicates, because they are shown next to the image.
    """
    by_name: dict[str, list[str]] = {}
    for path in group.paths:
        by_name.setdefault(classes[path], []).append(path)
    subject = "Same file" if group.kind == "exact" else "Same image"
    for path in group.paths:
        given = classes[path]
        others = [name for name in sorted(names) if name != given]
        candidates = chain(*(by_name[name] for name in others), (other for other in by_name[given] if other != path))
        duplicates = tuple(islice(candidates, MAX_DUPLICATES))
        issue = issues.get(path)
        model = f"; model says {issue.suggested} ({_percent(issue.probability)})" if issue is not None else ""
        yield ReviewItem(
            path=path,
            kind="duplicate",
            given=given,
            suggested=issue.suggested if issue is not None else classes[duplicates[0]],
            score=1.0,
            reason=f"{subject} in {listing([given, *others])}{model}",
            duplicates=duplicates,
        )


def _duplicate_items(group: DuplicateGroup, classes: Mapping[str, str]) -> Iterator[ReviewItem]:
    """Yield an item for each image of a group with one label, but not for the first, which is to stay."""
    relation = "Same file as" if group.kind == "exact" else "Nearly the same image as"
    for path in group.paths[1:]:
        duplicates = tuple(islice((other for other in group.paths if other != path), MAX_DUPLICATES))
        yield ReviewItem(
            path=path,
            kind="duplicate",
            given=classes[path],
            score=0.5,
            reason=f"{relation} {duplicates[0]}",
            duplicates=duplicates,
        )


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
