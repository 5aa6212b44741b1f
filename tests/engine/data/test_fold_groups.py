"""Tests of the groups of cross-validation."""

from engine.data.dataset import Sample
from engine.data.fold_groups import fold_groups
from engine.data.groups.photo_groups import GroupKind, PhotoGroup, PhotoGroups


def _samples(ant: int, bee: int) -> list[Sample]:
    ants = [Sample(f"ant/{n:02}", 0) for n in range(ant)]
    return [*ants, *(Sample(f"bee/{n:02}", 1, "val") for n in range(bee))]


def _groups(*groups: list[str], kind: GroupKind = "time") -> PhotoGroups:
    order = tuple(path for paths in groups for path in paths)
    return PhotoGroups(groups=tuple(PhotoGroup(kind=kind, paths=tuple(paths)) for paths in groups), order=order)


def test_images_of_a_group_have_one_number_and_others_have_their_own() -> None:
    numbers = fold_groups(_samples(3, 6), _groups(["ant/00", "bee/01"], ["bee/01", "bee/02"]), 5)
    assert numbers[0] == numbers[4] == numbers[5]
    assert len(set(numbers)) == 7


def test_a_series_that_holds_most_of_a_class_is_divided_into_blocks_of_its_order() -> None:
    numbers = fold_groups(_samples(20, 4), _groups([f"ant/{n:02}" for n in range(20)]), 5)
    assert len(set(numbers[:20])) == 5
    assert all(len(set(numbers[start : start + 4])) == 1 for start in range(0, 20, 4))


def test_duplicates_are_never_divided() -> None:
    numbers = fold_groups(_samples(6, 4), _groups([f"ant/{n:02}" for n in range(6)], kind="duplicate"), 5)
    assert len(set(numbers[:6])) == 1


def test_a_divided_series_keeps_its_photos_of_other_classes_together() -> None:
    paths = [*(f"ant/{n:02}" for n in range(5)), "bee/00", "bee/01"]
    numbers = fold_groups(_samples(5, 9), _groups(paths), 5)
    assert len(set(numbers[:5])) == 5
    assert numbers[5] == numbers[6] not in numbers[:5]
