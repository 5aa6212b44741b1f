"""Tests of the records of groups of photos."""

from engine.data.groups.photo_groups import LEVELS, PhotoGroup, PhotoGroups


def test_no_groups_have_no_description() -> None:
    assert PhotoGroups().describe() == ""


def test_groups_are_described_by_kind_without_the_parts_of_wide_groups() -> None:
    kinds = ("part", "time", "time", "copy", "folder", "duplicate")
    groups = PhotoGroups(groups=tuple(PhotoGroup(kind=kind, paths=("a", "b")) for kind in kinds), gap_seconds=60)  # type: ignore[arg-type]
    assert groups.describe() == "1 by folder, 2 by time (gap 60 s), 1 of copies by file name"


def test_only_copies_and_events_show_the_same_scene() -> None:
    groups = PhotoGroups(groups=tuple(PhotoGroup(kind=kind, paths=(kind, "x")) for kind in LEVELS))
    assert {paths[0] for paths in groups.same_scene()} == {"duplicate", "copy", "time", "similar"}


def test_the_order_is_not_part_of_the_json() -> None:
    assert "order" not in PhotoGroups(order=("a",)).model_dump()
