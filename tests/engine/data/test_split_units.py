"""Tests of groups of photos in a split: which stay whole and which are divided."""

import pytest

from engine.data.groups.photo_groups import SplitGroup
from engine.data.splits import cut_warning, split, unsplit
from tests.engine.data.split_data import duplicate_groups, make_dataset, ordered_groups


def test_groups_by_time_stay_on_one_side_where_that_is_possible() -> None:
    groups = ordered_groups(*([f"ant/{n}.png" for n in range(start, start + 5)] for start in range(0, 40, 5)))
    parts = split(make_dataset(ant=40, bee=10), 0.2, 0, groups)
    assert [group.is_cut for group in parts.groups] == [False] * 8
    assert parts.counts("val") == [10, 2]
    assert cut_warning(parts) is None


@pytest.mark.parametrize(
    ("num_groups", "size", "num_val"),
    [(13, 3, 9), (10, 4, 8), (8, 5, 10), (6, 6, 6), (5, 7, 7), (3, 12, 12), (2, 20, 20)],
)
def test_whole_groups_come_as_near_to_the_fraction_as_possible(num_groups: int, size: int, num_val: int) -> None:
    groups = ordered_groups(*([f"ant/{size * group + n}.png" for n in range(size)] for group in range(num_groups)))
    assert split(make_dataset(ant=num_groups * size, bee=10), 0.2, 0, groups).counts("val") == [num_val, 2]


def test_a_class_that_is_one_series_is_divided_in_the_order_of_capture_and_both_parts_are_numbered() -> None:
    paths = [f"ant/{n}.png" for n in (7, 3, 9, 1, 0, 5, 8, 2, 6, 4)]
    parts = split(make_dataset(ant=10, bee=10), 0.2, 0, ordered_groups(paths))
    sides = {sample.path: (sample.split, sample.group) for sample in parts.samples}
    assert [sides[path] for path in paths] == [("train", 0)] * 8 + [("val", 1)] * 2
    assert parts.groups == (SplitGroup(kinds=("time",), is_cut=True), SplitGroup(kinds=("time",), is_cut=True))
    assert "'ant' (2 of 10)" in str(cut_warning(parts))


def test_duplicates_inside_a_series_are_not_divided() -> None:
    series = ordered_groups([f"ant/{n}.png" for n in range(10)])
    copies = duplicate_groups(["ant/7.png", "ant/8.png"])
    groups = series.model_copy(update={"groups": (*series.groups, *copies.groups)})
    parts = split(make_dataset(ant=10, bee=10), 0.2, 0, groups)
    assert {sample.path for sample in parts.of_split("val") if sample.label == 0} == {"ant/9.png"}


def test_a_patient_who_is_a_whole_class_is_divided_between_events() -> None:
    patient = ordered_groups([f"ant/{n}.png" for n in range(10)], kind="folder")
    events = ordered_groups(["ant/0.png", "ant/1.png", "ant/2.png"], [f"ant/{n}.png" for n in range(3, 10)])
    groups = patient.model_copy(update={"groups": (*patient.groups, *events.groups)})
    parts = split(make_dataset(ant=10, bee=10), 0.2, 0, groups)
    assert [sample.split for sample in parts.samples[:10]] == ["val"] * 3 + ["train"] * 7


def test_patients_that_duplicates_tie_to_each_other_are_separate_if_the_class_has_no_others() -> None:
    patients = ordered_groups([f"ant/{n}.png" for n in range(5)], [f"ant/{n}.png" for n in range(5, 10)], kind="folder")
    copies = duplicate_groups(["ant/0.png", "ant/9.png"])
    groups = patients.model_copy(update={"groups": (*patients.groups, *copies.groups)})
    parts = split(make_dataset(ant=10, bee=10), 0.2, 0, groups)
    assert {tuple(s.split for s in parts.samples[start : start + 5]) for start in (0, 5)} == {
        ("train",) * 5,
        ("val",) * 5,
    }
    assert cut_warning(parts) is None
    with_others = split(make_dataset(ant=20, bee=10), 0.2, 0, groups)
    assert len({sample.split for sample in with_others.samples if sample.group == 0}) == 1
    assert sum(sample.group == 0 for sample in with_others.samples) == 10


def test_a_class_whose_images_are_all_tied_to_other_classes_is_validated() -> None:
    groups = [[f"ant/{n}.png", f"bee/{n}.png"] for n in range(4)]
    for seed in range(20):
        parts = split(make_dataset(ant=4, bee=40), 0.2, seed, duplicate_groups(*groups))
        assert parts.counts("val")[0] >= 1
        sides = {sample.path: sample.split for sample in parts.samples}
        assert all(sides[one] == sides[other] for one, other in groups)


def test_images_that_stay_in_training_are_not_taken_when_a_series_is_divided() -> None:
    groups = ordered_groups([f"ant/{n}.png" for n in range(10)])
    parts = split(make_dataset(ant=10, bee=10), 0.2, 0, groups, frozenset({"ant/9.png", "ant/8.png"}))
    assert {sample.path for sample in parts.of_split("val") if sample.label == 0} == {"ant/6.png", "ant/7.png"}


def test_many_divided_classes_are_counted() -> None:
    names = [f"class{number}" for number in range(9)]
    groups = ordered_groups(*([f"{name}/{n}.png" for n in range(5)] for name in names))
    message = str(cut_warning(split(make_dataset(**dict.fromkeys(names, 5)), 0.2, 0, groups)))
    assert "'class4' (1 of 5) and 4 more" in message


def test_taking_the_split_back_forgets_its_groups() -> None:
    parts = split(make_dataset(ant=10, bee=10), 0.2, 0, ordered_groups([f"ant/{n}.png" for n in range(10)]))
    assert (unsplit(parts).groups, unsplit(parts).grouping) == ((), "")
