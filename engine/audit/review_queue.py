"""One queue of what a person should look at: wrong labels, duplicates and unreadable files."""

from collections.abc import Container, Iterable, Sequence
from typing import Literal, TypeAlias

from engine.audit.findings import Audit, DuplicateGroup
from engine.core.records import FrozenModel
from engine.data.dataset import Dataset

ReviewKind: TypeAlias = Literal["label", "duplicate", "unreadable"]


class LabelIssue(FrozenModel):
    """A label that a probe doubts which had not learnt from the image."""

    path: str
    given: str
    suggested: str
    probability: float
    """Of the suggested class (0..1), out of fold."""
    score: float
    """How little the label is supported (0..1): 1 - its probability out of fold."""


class ReviewItem(FrozenModel):
    """One image to look at."""

    path: str
    kind: ReviewKind
    given: str
    """The class it stands in, corrections applied."""
    suggested: str | None = None
    score: float
    """How surely something is wrong (0..1)."""
    reason: str
    """One sentence."""
    duplicates: tuple[str, ...] = ()
    """The rest of its group of duplicates."""


class Review(FrozenModel):
    """The queue, the most pressing first, and how well a probe does on these labels."""

    items: tuple[ReviewItem, ...] = ()
    label_issues: tuple[LabelIssue, ...] = ()
    """All doubted labels; `build_queue` makes the queue of them again after a decision."""
    accuracy: float | None = None
    """Cross-validated accuracy (0..1) on kept embeddings; None where there is no model."""
    num_images: int = 0
    """On which it was measured."""


class CorrectionGain(FrozenModel):
    """What the corrections did. All three are cross-validated on kept embeddings, accuracies 0..1."""

    accuracy_given: float
    """Learnt from and measured on the classes of the folders."""
    before: float
    """Learnt from the classes of the folders, measured on the corrected ones."""
    after: float
    """Learnt from and measured on the corrected classes; the same images as `before`."""
    num_given: int
    num_images: int
    """On which `before` and `after` were measured."""


def build_queue(
    dataset: Dataset, audit: Audit, label_issues: Iterable[LabelIssue], decided: Container[str]
) -> tuple[ReviewItem, ...]:
    """Return the queue: conflicting duplicates, unreadable files, doubted labels, then other copies; an image once.

    `dataset` has its corrections applied, so a conflict that was settled is none. Images of `decided` are left out.
    """
    classes = {sample.path: dataset.classes[sample.label] for sample in dataset.samples}
    doubted = {doubt.path: doubt for doubt in label_issues}
    groups = [_present(group, classes) for group in audit.duplicates]
    conflicts = [group for group in groups if len({classes[path] for path in group.paths}) > 1]
    copies = [group for group in groups if group.kind != "burst" and len(group.paths) > 1 and group not in conflicts]
    queue: list[ReviewItem] = []
    for group in conflicts:
        queue += [_conflict_item(path, group, classes, doubted.get(path)) for path in group.paths]
    queue += [
        ReviewItem(path=bad.path, kind="unreadable", given=classes[bad.path], score=1.0, reason=bad.reason)
        for bad in audit.unreadable
        if bad.path in classes
    ]
    queue += [_label_item(doubt) for doubt in doubted.values()]
    for group in copies:
        queue += [_copy_item(path, group, classes) for path in group.paths[1:]]
    once = {item.path: item for item in reversed(queue)}
    return tuple(item for item in queue if once[item.path] is item and item.path not in decided)


def _present(group: DuplicateGroup, classes: dict[str, str]) -> DuplicateGroup:
    return group.model_copy(update={"paths": tuple(path for path in group.paths if path in classes)})


def _conflict_item(path: str, group: DuplicateGroup, classes: dict[str, str], doubt: LabelIssue | None) -> ReviewItem:
    given = classes[path]
    others = tuple(other for other in group.paths if other != path)
    # The nearest to decide against is one that stands elsewhere
    others = tuple(sorted(others, key=lambda other: classes[other] == given))
    names = sorted({classes[other] for other in others} - {given})
    what = "The same file" if group.kind == "exact" else "The same picture"
    suggested = doubt.suggested if doubt is not None else classes[others[0]]
    told = f"; looks like {doubt.suggested} ({doubt.probability:.2f})" if doubt is not None else ""
    return ReviewItem(
        path=path,
        kind="duplicate",
        given=given,
        suggested=suggested,
        score=1.0,
        reason=f"{what} stands as {given} and as {_listed(names)}{told}.",
        duplicates=others,
    )


def _copy_item(path: str, group: DuplicateGroup, classes: dict[str, str]) -> ReviewItem:
    what = "The same file as" if group.kind == "exact" else "Nearly the same picture as"
    others = tuple(other for other in group.paths if other != path)
    reason = f"{what} {others[0]}."
    return ReviewItem(path=path, kind="duplicate", given=classes[path], score=0.5, reason=reason, duplicates=others)


def _label_item(doubt: LabelIssue) -> ReviewItem:
    return ReviewItem(
        path=doubt.path,
        kind="label",
        given=doubt.given,
        suggested=doubt.suggested,
        score=doubt.score,
        reason=f"Stands as {doubt.given}, looks like {doubt.suggested} ({doubt.probability:.2f}).",
    )


def _listed(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
