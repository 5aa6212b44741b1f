"""Tests of the training and validation split."""

from dataclasses import replace
from pathlib import Path

import pytest

from engine.data.dataset import Dataset, Sample, scan
from engine.data.groups.photo_groups import GroupKind, PhotoGroup, PhotoGroups
from engine.data.splits import split, unsplit
from tests.engine.data.split_data import duplicate_groups, make_dataset
from tests.images import write_classes


def test_each_class_gives_its_fraction() -> None:
    parts = split(make_dataset(ant=10, bee=40), 0.2, seed=0)
    assert parts.counts("val") == [2, 8]
    assert parts.counts("train") == [8, 32]


def test_a_class_with_two_images_is_split_evenly() -> None:
    assert split(make_dataset(ant=2, bee=2), 0.01, seed=0).counts("val") == [1, 1]
    assert split(make_dataset(ant=2, bee=2), 0.99, seed=0).counts("val") == [1, 1]


def test_a_class_with_one_image_stays_in_training() -> None:
    parts = split(make_dataset(ant=1, bee=5), 0.4, seed=0)
    assert parts.counts("train") == [1, 3]


def test_a_class_keeps_one_training_image_however_large_the_fraction() -> None:
    assert split(make_dataset(ant=3, bee=10), 0.99, seed=0).counts("train") == [1, 1]


def test_a_class_gives_one_validation_image_however_small_the_fraction() -> None:
    assert split(make_dataset(ant=3, bee=10), 0.01, seed=0).counts("val") == [1, 1]


def test_test_images_are_not_moved_and_do_not_count_for_the_fraction() -> None:
    dataset = make_dataset(ant=10, bee=10)
    test_images = tuple(Sample(f"test/{number}.png", 0, "test") for number in range(30))
    parts = split(replace(dataset, samples=dataset.samples + test_images), 0.2, seed=0)
    assert parts.counts("val") == [2, 2]
    assert parts.of_split("test") == test_images


def test_classes_of_the_same_size_are_drawn_independently() -> None:
    drawn = split(make_dataset(ant=50, bee=50), 0.5, seed=0).of_split("val")
    numbers = [{sample.path.split("/")[1] for sample in drawn if sample.label == label} for label in (0, 1)]
    assert numbers[0] != numbers[1]


def test_the_split_depends_on_the_seed_only() -> None:
    dataset = make_dataset(ant=50, bee=50)
    assert split(dataset, 0.2, 1) == split(dataset, 0.2, 1)
    assert split(dataset, 0.2, 1) != split(dataset, 0.2, 2)


def test_adding_a_class_does_not_change_the_split_of_others() -> None:
    two, three = split(make_dataset(bee=50, cat=50), 0.2, 0), split(make_dataset(ant=9, bee=50, cat=50), 0.2, 0)
    of_bees = [{s.path for s in parts.of_split("val") if s.path.startswith("bee")} for parts in (two, three)]
    assert of_bees[0] == of_bees[1]


def test_groups_stay_on_one_side_and_the_fraction_is_kept() -> None:
    dataset = make_dataset(ant=50, bee=50)
    groups = [[f"ant/{number}.png", f"ant/{number + 1}.png"] for number in range(0, 50, 2)]
    parts = split(dataset, 0.2, 3, duplicate_groups(*groups))
    sides = {sample.path: sample.split for sample in parts.samples}
    assert all(sides[one] == sides[other] for one, other in groups)
    assert parts.counts("val") == [10, 10]


def test_groups_that_share_an_image_are_merged_and_numbered() -> None:
    parts = split(
        make_dataset(ant=10, bee=4), 0.3, 0, duplicate_groups(["ant/0.png", "ant/5.png"], ["ant/5.png", "ant/7.png"])
    )
    sides = {sample.path: sample.split for sample in parts.samples if sample.group is not None}
    assert sides.keys() == {"ant/0.png", "ant/5.png", "ant/7.png"}
    assert len(set(sides.values())) == 1


def test_a_group_larger_than_the_quota_stays_in_training() -> None:
    parts = split(make_dataset(ant=20, bee=20), 0.2, 0, duplicate_groups([f"ant/{number}.png" for number in range(15)]))
    assert parts.counts("val") == [4, 4]
    assert all(sample.split == "train" for sample in parts.samples if sample.group == 0)


def test_a_class_with_only_large_groups_gives_its_smallest_group() -> None:
    groups = [[f"ant/{number}.png" for number in numbers] for numbers in (range(6), range(6, 10))]
    assert split(make_dataset(ant=10, bee=10), 0.2, 0, duplicate_groups(*groups)).counts("val") == [4, 2]


def test_a_class_with_a_single_group_stays_in_training() -> None:
    groups = [[f"ant/{number}.png" for number in range(10)]]
    assert split(make_dataset(ant=10, bee=10), 0.2, 0, duplicate_groups(*groups)).counts("val") == [0, 2]


def test_groups_over_several_classes_stay_together_within_the_quotas() -> None:
    dataset = make_dataset(ant=40, bee=40)
    groups = [[f"ant/{number}.png", f"bee/{number}.png"] for number in range(30)]
    drawn = []
    for seed in range(20):
        parts = split(dataset, 0.2, seed, duplicate_groups(*groups))
        sides = {sample.path: sample.split for sample in parts.samples}
        assert all(sides[one] == sides[other] for one, other in groups)
        assert parts.counts("val") == [8, 8]
        drawn.append(sum(sides[one] == "val" for one, _ in groups))
    assert min(drawn) < max(drawn)


def test_about_the_fraction_of_the_groups_over_several_classes_is_drawn() -> None:
    groups = [[f"ant/{number}.png", f"bee/{number}.png"] for number in range(500)]
    parts = split(make_dataset(ant=1000, bee=1000), 0.2, 0, duplicate_groups(*groups))
    num_drawn = sum(sample.split == "val" and sample.group is not None for sample in parts.samples) / 2
    assert 60 < num_drawn < 140


def test_groups_are_numbered_by_their_first_image_and_images_outside_of_groups_have_no_number() -> None:
    parts = split(
        make_dataset(ant=6, bee=2),
        0.5,
        0,
        duplicate_groups(["ant/3.png", "ant/1.png", "ant/5.png"], ["bee/0.png", "ant/0.png"]),
    )
    assert [sample.group for sample in parts.samples] == [0, 1, None, 1, None, 1, 0, None]


def test_images_that_the_dataset_does_not_contain_are_left_out_of_groups() -> None:
    parts = split(
        make_dataset(ant=4, bee=4),
        0.5,
        0,
        duplicate_groups(["ant/0.png", "gone.png"], ["gone.png", "ant/1.png", "ant/2.png"]),
    )
    assert [sample.path for sample in parts.samples if sample.group is not None] == ["ant/1.png", "ant/2.png"]


def test_groups_of_three_fill_the_quota() -> None:
    groups = [[f"ant/{3 * number + offset}.png" for offset in range(3)] for number in range(10)]
    assert split(make_dataset(ant=30, bee=2), 0.5, 0, duplicate_groups(*groups)).counts("val") == [15, 1]


def test_validation_images_go_back_to_training_and_test_images_stay() -> None:
    dataset = make_dataset(ant=10, bee=10)
    dataset = replace(dataset, samples=(*dataset.samples, Sample("test/1.png", 0, "test")))
    parts = split(dataset, 0.2, 0)
    assert parts != dataset
    assert unsplit(parts) == dataset


def test_adding_a_class_does_not_change_the_split_of_classes_with_groups() -> None:
    groups = [["bee/0.png", "bee/1.png"], ["bee/7.png", "bee/9.png", "bee/11.png"]]
    more = [*groups, ["ant/0.png", "ant/1.png"]]
    two, three = (
        split(make_dataset(bee=50, cat=50), 0.2, 0, duplicate_groups(*groups)),
        split(make_dataset(ant=9, bee=50, cat=50), 0.2, 0, duplicate_groups(*more)),
    )
    for name in ("bee", "cat"):
        drawn = [{s.path for s in parts.of_split("val") if s.path.startswith(name)} for parts in (two, three)]
        assert drawn[0] == drawn[1]


def test_a_split_with_groups_depends_on_the_seed_only() -> None:
    groups = [[f"ant/{number}.png", f"bee/{number}.png"] for number in range(5)]
    dataset = make_dataset(ant=50, bee=50)
    assert split(dataset, 0.2, 1, duplicate_groups(*groups)) == split(dataset, 0.2, 1, duplicate_groups(*groups))
    assert split(dataset, 0.2, 1, duplicate_groups(*groups)) != split(dataset, 0.2, 2, duplicate_groups(*groups))


def test_a_folder_with_its_own_validation_split_is_unchanged(tmp_path: Path) -> None:
    for name in ("train", "val"):
        write_classes(tmp_path / name, {"red": 3, "blue": 3})
    dataset = scan(tmp_path)
    assert split(dataset, 0.5, 0) == dataset


class _CountingTuple(tuple[Sample, ...]):
    """Samples that count how often one is looked up by its position."""

    num_lookups = 0

    def __getitem__(self, position):  # type: ignore[no-untyped-def]
        type(self).num_lookups += 1
        return super().__getitem__(position)


@pytest.mark.parametrize("kind", [None, "duplicate", "time"])
def test_the_work_grows_with_the_number_of_images_and_not_with_that_of_classes(kind: GroupKind | None) -> None:
    num_lookups = {}
    for num_classes in (10, 1000):
        per_class = 5000 // num_classes
        names = tuple(f"{number:04}" for number in range(num_classes))
        samples = (Sample(f"{name}/{n}.png", label) for label, name in enumerate(names) for n in range(per_class))
        dataset = Dataset(Path("/data"), names, _CountingTuple(samples))
        paths = [tuple(f"{name}/{n}.png" for n in range(per_class)) for name in names]
        groups = tuple(PhotoGroup(kind=kind, paths=own) for own in paths) if kind else ()
        _CountingTuple.num_lookups = 0
        split(dataset, 0.2, 0, PhotoGroups(groups=groups))
        num_lookups[num_classes] = _CountingTuple.num_lookups
    assert num_lookups[1000] <= 1.5 * num_lookups[10]
