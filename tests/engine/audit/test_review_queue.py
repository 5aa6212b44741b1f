"""Tests of the review queue."""

from pathlib import Path

from engine.audit.findings import Audit, DuplicateGroup
from engine.audit.review_queue import LabelIssue, build_queue
from engine.data.dataset import Dataset, Sample
from engine.data.groups.photo_groups import PhotoGroup, PhotoGroups
from engine.results.evaluation import Unreadable

DATASET = Dataset(
    Path("/data"), ("ant", "bee"), (Sample("a", 0), Sample("b", 1), Sample("c", 0), Sample("d", 1), Sample("e", 1))
)


def _group(*paths: str, kind: str = "exact", is_conflict: bool = False) -> DuplicateGroup:
    return DuplicateGroup(paths=paths, kind=kind, is_conflict=is_conflict, crosses_splits=False)  # type: ignore[arg-type]


def _issue(path: str, given: str, suggested: str, score: float = 0.9) -> LabelIssue:
    return LabelIssue(path=path, given=given, suggested=suggested, probability=0.97, score=score)


def test_conflicts_come_first_then_unreadable_files_then_label_issues_then_duplicates() -> None:
    audit = Audit(
        unreadable=(Unreadable(path="c", reason="This file is empty."),),
        duplicates=(_group("d", "e"), _group("a", "b", is_conflict=True)),
    )
    queue = build_queue(DATASET, audit, [_issue("d", "bee", "ant")], ())
    assert [(item.path, item.kind) for item in queue] == [
        ("a", "duplicate"), ("b", "duplicate"), ("c", "unreadable"), ("d", "label"), ("e", "duplicate"),
    ]  # fmt: skip
    assert queue[0].reason == "Same file in ant and bee"
    assert (queue[0].suggested, queue[0].duplicates) == ("bee", ("b",))
    assert queue[3].reason == "Labelled bee, model says ant (97 %)"
    assert queue[4].reason == "Same file as d"


def test_reviewed_images_are_left_out() -> None:
    audit = Audit(duplicates=(_group("a", "b", is_conflict=True),))
    assert [item.path for item in build_queue(DATASET, audit, (), {"a"})] == ["b"]


def test_a_resolved_conflict_is_not_a_conflict() -> None:
    audit = Audit(duplicates=(_group("a", "b", kind="near", is_conflict=True),))
    alone = DATASET.without(frozenset({"a"}))
    assert build_queue(alone, audit, (), ()) == ()
    agreed = Dataset(Path("/data"), ("ant", "bee"), (Sample("a", 1), Sample("b", 1)))
    assert [item.reason for item in build_queue(agreed, audit, (), {"a"})] == ["Nearly the same image as a"]


def test_photos_of_one_event_are_not_reviewed_even_with_different_labels() -> None:
    groups = PhotoGroups(groups=(PhotoGroup(kind="time", paths=("a", "b", "c")),))
    assert build_queue(DATASET, Audit(photo_groups=groups), (), ()) == ()


def test_a_conflict_suggests_the_class_of_the_probe() -> None:
    audit = Audit(duplicates=(_group("a", "b", is_conflict=True),))
    (first, second) = build_queue(DATASET, audit, [_issue("b", "bee", "ant")], ())
    assert second.reason == "Same file in bee and ant; model says ant (97 %)"
    assert first.suggested == "bee"
