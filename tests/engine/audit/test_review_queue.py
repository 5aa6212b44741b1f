"""Tests of the queue of what to look at."""

from pathlib import Path

from engine.audit.findings import Audit, DuplicateGroup
from engine.audit.review_queue import LabelIssue, build_queue
from engine.data.dataset import Dataset, Sample
from engine.results.evaluation import Unreadable

DATASET = Dataset(
    Path("/data"), ("ant", "bee"), (Sample("a", 0), Sample("b", 1), Sample("c", 0), Sample("d", 1), Sample("e", 1))
)


def _group(*paths: str, kind: str = "exact", is_conflict: bool = False) -> DuplicateGroup:
    return DuplicateGroup(paths=paths, kind=kind, is_conflict=is_conflict, crosses_splits=False)  # type: ignore[arg-type]


def _doubt(path: str, given: str, suggested: str, score: float = 0.9) -> LabelIssue:
    return LabelIssue(path=path, given=given, suggested=suggested, probability=0.97, score=score)


def test_conflicts_come_first_then_unreadable_files_then_labels_then_copies() -> None:
    audit = Audit(
        unreadable=(Unreadable(path="c", reason="It is empty."),),
        duplicates=(_group("d", "e"), _group("a", "b", is_conflict=True)),
    )
    queue = build_queue(DATASET, audit, [_doubt("d", "bee", "ant")], ())
    assert [(item.path, item.kind) for item in queue] == [
        ("a", "duplicate"), ("b", "duplicate"), ("c", "unreadable"), ("d", "label"), ("e", "duplicate"),
    ]  # fmt: skip
    assert queue[0].reason == "The same file stands as ant and as bee."
    assert (queue[0].suggested, queue[0].duplicates) == ("bee", ("b",))
    assert queue[3].reason == "Stands as bee, looks like ant (0.97)."
    assert queue[4].reason == "The same file as d."


def test_what_was_decided_is_left_out() -> None:
    audit = Audit(duplicates=(_group("a", "b", is_conflict=True),))
    assert [item.path for item in build_queue(DATASET, audit, (), {"a"})] == ["b"]


def test_a_conflict_that_was_settled_is_no_conflict_any_more() -> None:
    audit = Audit(duplicates=(_group("a", "b", kind="near", is_conflict=True),))
    alone = DATASET.without(frozenset({"a"}))
    assert build_queue(alone, audit, (), ()) == ()
    agreed = Dataset(Path("/data"), ("ant", "bee"), (Sample("a", 1), Sample("b", 1)))
    assert [item.reason for item in build_queue(agreed, audit, (), {"a"})] == ["Nearly the same picture as a."]


def test_shots_of_a_burst_are_no_work_unless_they_stand_in_two_classes() -> None:
    assert build_queue(DATASET, Audit(duplicates=(_group("a", "c", kind="burst"),)), (), ()) == ()
    assert len(build_queue(DATASET, Audit(duplicates=(_group("a", "b", kind="burst"),)), (), ())) == 2


def test_what_the_probe_sees_is_suggested_in_a_conflict() -> None:
    audit = Audit(duplicates=(_group("a", "b", is_conflict=True),))
    (first, second) = build_queue(DATASET, audit, [_doubt("b", "bee", "ant")], ())
    assert second.reason == "The same file stands as bee and as ant; looks like ant (0.97)."
    assert first.suggested == "bee"
