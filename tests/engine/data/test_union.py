"""Tests of groups of linked things."""

from engine.data.union import union_of


def test_what_is_linked_around_corners_is_one_group_in_order() -> None:
    union = union_of(7, [(5, 3), (1, 2), (3, 1), (6, 4)])
    assert union.groups() == [[1, 2, 3, 5], [4, 6]]
    assert union.root(0) == 0


def test_nothing_linked_is_no_group() -> None:
    assert union_of(3, []).groups() == []
