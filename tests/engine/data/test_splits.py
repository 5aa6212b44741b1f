"""Tests of the training and validation split."""

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from engine.core.errors import EngineError
from engine.data.dataset import Dataset, Sample, scan
from engine.data.photo_groups import GroupKind, PhotoGroup, PhotoGroups, SplitGroup
from engine.data.splits import cut_warning, read_split, split, unsplit, write_split
from tests.images import write_classes

_DAMAGED = r"^The list of images of this run is missing or damaged\.$"


def _dataset(**counts: int) -> Dataset:
    names = tuple(sorted(counts))
    samples = [Sample(f"{name}/{i}.png", names.index(name)) for name in names for i in range(counts[name])]
    return Dataset(Path("/data"), names, tuple(samples))


def _duplicates(*groups: Sequence[str]) -> PhotoGroups:
    return PhotoGroups(groups=tuple(PhotoGroup(kind="duplicate", paths=tuple(paths)) for paths in groups))


def test_each_class_gives_its_fraction() -> None:
    parts = split(_dataset(ant=10, bee=40), 0.2, seed=0)
    assert parts.counts("val") == [2, 8]
    assert parts.counts("train") == [8, 32]


def test_a_class_with_two_images_is_split_evenly() -> None:
    assert split(_dataset(ant=2, bee=2), 0.01, seed=0).counts("val") == [1, 1]
    assert split(_dataset(ant=2, bee=2), 0.99, seed=0).counts("val") == [1, 1]


def test_a_class_with_one_image_stays_in_training() -> None:
    parts = split(_dataset(ant=1, bee=5), 0.4, seed=0)
    assert parts.counts("train") == [1, 3]


def test_a_class_keeps_one_training_image_however_large_the_fraction() -> None:
    assert split(_dataset(ant=3, bee=10), 0.99, seed=0).counts("train") == [1, 1]


def test_a_class_gives_one_validation_image_however_small_the_fraction() -> None:
    assert split(_dataset(ant=3, bee=10), 0.01, seed=0).counts("val") == [1, 1]


def test_test_images_are_not_moved_and_do_not_count_for_the_fraction() -> None:
    dataset = _dataset(ant=10, bee=10)
    test_images = tuple(Sample(f"test/{number}.png", 0, "test") for number in range(30))
    parts = split(replace(dataset, samples=dataset.samples + test_images), 0.2, seed=0)
    assert parts.counts("val") == [2, 2]
    assert parts.of_split("test") == test_images


def test_classes_of_the_same_size_are_drawn_independently() -> None:
    drawn = split(_dataset(ant=50, bee=50), 0.5, seed=0).of_split("val")
    numbers = [{sample.path.split("/")[1] for sample in drawn if sample.label == label} for label in (0, 1)]
    assert numbers[0] != numbers[1]


def test_the_split_depends_on_the_seed_only() -> None:
    dataset = _dataset(ant=50, bee=50)
    assert split(dataset, 0.2, 1) == split(dataset, 0.2, 1)
    assert split(dataset, 0.2, 1) != split(dataset, 0.2, 2)


def test_adding_a_class_does_not_change_the_split_of_others() -> None:
    two, three = split(_dataset(bee=50, cat=50), 0.2, 0), split(_dataset(ant=9, bee=50, cat=50), 0.2, 0)
    of_bees = [{s.path for s in parts.of_split("val") if s.path.startswith("bee")} for parts in (two, three)]
    assert of_bees[0] == of_bees[1]


def test_groups_stay_on_one_side_and_the_fraction_is_kept() -> None:
    dataset = _dataset(ant=50, bee=50)
    groups = [[f"ant/{number}.png", f"ant/{number + 1}.png"] for number in range(0, 50, 2)]
    parts = split(dataset, 0.2, 3, _duplicates(*groups))
    sides = {sample.path: sample.split for sample in parts.samples}
    assert all(sides[one] == sides[other] for one, other in groups)
    assert parts.counts("val") == [10, 10]


def test_groups_that_share_an_image_are_merged_and_numbered() -> None:
    parts = split(_dataset(ant=10, bee=4), 0.3, 0, _duplicates(["ant/0.png", "ant/5.png"], ["ant/5.png", "ant/7.png"]))
    sides = {sample.path: sample.split for sample in parts.samples if sample.group is not None}
    assert sides.keys() == {"ant/0.png", "ant/5.png", "ant/7.png"}
    assert len(set(sides.values())) == 1


def test_a_group_larger_than_the_quota_stays_in_training() -> None:
    parts = split(_dataset(ant=20, bee=20), 0.2, 0, _duplicates([f"ant/{number}.png" for number in range(15)]))
    assert parts.counts("val") == [4, 4]
    assert all(sample.split == "train" for sample in parts.samples if sample.group == 0)


def test_a_class_with_only_large_groups_gives_its_smallest_group() -> None:
    groups = [[f"ant/{number}.png" for number in numbers] for numbers in (range(6), range(6, 10))]
    assert split(_dataset(ant=10, bee=10), 0.2, 0, _duplicates(*groups)).counts("val") == [4, 2]


def test_a_class_with_a_single_group_stays_in_training() -> None:
    groups = [[f"ant/{number}.png" for number in range(10)]]
    assert split(_dataset(ant=10, bee=10), 0.2, 0, _duplicates(*groups)).counts("val") == [0, 2]


def test_groups_over_several_classes_stay_together_within_the_quotas() -> None:
    dataset = _dataset(ant=40, bee=40)
    groups = [[f"ant/{number}.png", f"bee/{number}.png"] for number in range(30)]
    drawn = []
    for seed in range(20):
        parts = split(dataset, 0.2, seed, _duplicates(*groups))
        sides = {sample.path: sample.split for sample in parts.samples}
        assert all(sides[one] == sides[other] for one, other in groups)
        assert parts.counts("val") == [8, 8]
        drawn.append(sum(sides[one] == "val" for one, _ in groups))
    assert min(drawn) < max(drawn)


def test_about_the_fraction_of_the_groups_over_several_classes_is_drawn() -> None:
    groups = [[f"ant/{number}.png", f"bee/{number}.png"] for number in range(500)]
    parts = split(_dataset(ant=1000, bee=1000), 0.2, 0, _duplicates(*groups))
    num_drawn = sum(sample.split == "val" and sample.group is not None for sample in parts.samples) / 2
    assert 60 < num_drawn < 140


def test_groups_are_numbered_by_their_first_image_and_images_outside_of_groups_have_no_number() -> None:
    parts = split(
        _dataset(ant=6, bee=2), 0.5, 0, _duplicates(["ant/3.png", "ant/1.png", "ant/5.png"], ["bee/0.png", "ant/0.png"])
    )
    assert [sample.group for sample in parts.samples] == [0, 1, None, 1, None, 1, 0, None]


def test_images_that_the_dataset_does_not_contain_are_left_out_of_groups() -> None:
    parts = split(
        _dataset(ant=4, bee=4), 0.5, 0, _duplicates(["ant/0.png", "gone.png"], ["gone.png", "ant/1.png", "ant/2.png"])
    )
    assert [sample.path for sample in parts.samples if sample.group is not None] == ["ant/1.png", "ant/2.png"]


def test_groups_of_three_fill_the_quota() -> None:
    groups = [[f"ant/{3 * number + offset}.png" for offset in range(3)] for number in range(10)]
    assert split(_dataset(ant=30, bee=2), 0.5, 0, _duplicates(*groups)).counts("val") == [15, 1]


def test_validation_images_go_back_to_training_and_test_images_stay() -> None:
    dataset = _dataset(ant=10, bee=10)
    dataset = replace(dataset, samples=(*dataset.samples, Sample("test/1.png", 0, "test")))
    parts = split(dataset, 0.2, 0)
    assert parts != dataset
    assert unsplit(parts) == dataset


def test_adding_a_class_does_not_change_the_split_of_classes_with_groups() -> None:
    groups = [["bee/0.png", "bee/1.png"], ["bee/7.png", "bee/9.png", "bee/11.png"]]
    more = [*groups, ["ant/0.png", "ant/1.png"]]
    two, three = (
        split(_dataset(bee=50, cat=50), 0.2, 0, _duplicates(*groups)),
        split(_dataset(ant=9, bee=50, cat=50), 0.2, 0, _duplicates(*more)),
    )
    for name in ("bee", "cat"):
        drawn = [{s.path for s in parts.of_split("val") if s.path.startswith(name)} for parts in (two, three)]
        assert drawn[0] == drawn[1]


def test_a_split_with_groups_depends_on_the_seed_only() -> None:
    groups = [[f"ant/{number}.png", f"bee/{number}.png"] for number in range(5)]
    dataset = _dataset(ant=50, bee=50)
    assert split(dataset, 0.2, 1, _duplicates(*groups)) == split(dataset, 0.2, 1, _duplicates(*groups))
    assert split(dataset, 0.2, 1, _duplicates(*groups)) != split(dataset, 0.2, 2, _duplicates(*groups))


def test_a_split_file_contains_groups_and_one_without_groups_is_readable(tmp_path: Path) -> None:
    parts = split(_dataset(ant=4, bee=4), 0.25, 0, _duplicates(["ant/0.png", "ant/1.png"]))
    write_split(parts, tmp_path / "split.json")
    assert read_split(tmp_path / "split.json").samples == parts.samples
    document = json.loads((tmp_path / "split.json").read_text("utf-8"))
    assert [entry["group"] for entry in document["files"]] == [0, 0, *[None] * 6]
    for entry in document["files"]:
        del entry["group"]
    (tmp_path / "split.json").write_text(json.dumps(document))
    assert {sample.group for sample in read_split(tmp_path / "split.json").samples} == {None}


def test_a_split_file_has_one_value_per_line_and_an_absolute_root(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    write_split(replace(_dataset(ant=2, bee=2), root=Path("images")), tmp_path / "split.json")
    lines = (tmp_path / "split.json").read_text("utf-8").splitlines()
    assert f'"root": "{tmp_path / "images"}",' in lines
    assert '"path": "bee/1.png",' in lines


def test_a_split_that_was_read_is_not_split_again(tmp_path: Path) -> None:
    write_split(split(_dataset(ant=4, bee=4), 0.25, 0), tmp_path / "split.json")
    parts = read_split(tmp_path / "split.json")
    assert split(parts, 0.5, 1) == parts


def test_a_folder_with_its_own_validation_split_is_unchanged(tmp_path: Path) -> None:
    for name in ("train", "val"):
        write_classes(tmp_path / name, {"red": 3, "blue": 3})
    dataset = scan(tmp_path)
    assert split(dataset, 0.5, 0) == dataset


def test_a_split_survives_writing_and_reading(tmp_path: Path) -> None:
    parts = split(scan(write_classes(tmp_path / "Ünï 测试", {"red": 4, "blue": 4})), 0.25, 0)
    write_split(parts, tmp_path / "split.json")
    again = read_split(tmp_path / "split.json")
    assert (again.root, again.classes, again.samples) == (parts.root, parts.classes, parts.samples)


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"root": "/", "classes": ["a"], "files": [{"path": "x"}]}'])
def test_a_damaged_split_file_raises_an_error(tmp_path: Path, text: str) -> None:
    path = tmp_path / "split.json"
    path.write_text(text)
    with pytest.raises(EngineError, match=_DAMAGED) as caught:
        read_split(path)
    assert caught.value.path == path


def test_a_missing_split_file_raises_an_error(tmp_path: Path) -> None:
    with pytest.raises(EngineError, match=_DAMAGED):
        read_split(tmp_path / "split.json")


def test_a_split_file_with_an_unknown_class_raises_an_error(tmp_path: Path) -> None:
    path = tmp_path / "split.json"
    files = [{"path": "x.png", "class": "cat", "split": "train"}]
    path.write_text(json.dumps({"root": "/", "classes": ["ant", "bee"], "files": files}))
    with pytest.raises(EngineError, match=_DAMAGED):
        read_split(path)


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


def _events(*groups: Sequence[str], kind: GroupKind = "time") -> PhotoGroups:
    order = tuple(path for paths in groups for path in paths)
    return PhotoGroups(groups=tuple(PhotoGroup(kind=kind, paths=tuple(paths)) for paths in groups), order=order)


def test_groups_by_time_stay_on_one_side_where_that_is_possible() -> None:
    groups = _events(*([f"ant/{n}.png" for n in range(start, start + 5)] for start in range(0, 40, 5)))
    parts = split(_dataset(ant=40, bee=10), 0.2, 0, groups)
    assert [group.is_cut for group in parts.groups] == [False] * 8
    assert parts.counts("val") == [10, 2]
    assert cut_warning(parts) is None


@pytest.mark.parametrize(
    ("num_groups", "size", "num_val"),
    [(13, 3, 9), (10, 4, 8), (8, 5, 10), (6, 6, 6), (5, 7, 7), (3, 12, 12), (2, 20, 20)],
)
def test_whole_groups_come_as_near_to_the_fraction_as_possible(num_groups: int, size: int, num_val: int) -> None:
    groups = _events(*([f"ant/{size * group + n}.png" for n in range(size)] for group in range(num_groups)))
    assert split(_dataset(ant=num_groups * size, bee=10), 0.2, 0, groups).counts("val") == [num_val, 2]


def test_a_class_that_is_one_series_is_divided_in_the_order_of_capture_and_both_parts_are_numbered() -> None:
    paths = [f"ant/{n}.png" for n in (7, 3, 9, 1, 0, 5, 8, 2, 6, 4)]
    parts = split(_dataset(ant=10, bee=10), 0.2, 0, _events(paths))
    sides = {sample.path: (sample.split, sample.group) for sample in parts.samples}
    assert [sides[path] for path in paths] == [("train", 0)] * 8 + [("val", 1)] * 2
    assert parts.groups == (SplitGroup(kinds=("time",), is_cut=True), SplitGroup(kinds=("time",), is_cut=True))
    assert "'ant' (2 of 10)" in str(cut_warning(parts))


def test_duplicates_inside_a_series_are_not_divided() -> None:
    series = _events([f"ant/{n}.png" for n in range(10)])
    copies = _duplicates(["ant/7.png", "ant/8.png"])
    groups = series.model_copy(update={"groups": (*series.groups, *copies.groups)})
    parts = split(_dataset(ant=10, bee=10), 0.2, 0, groups)
    assert {sample.path for sample in parts.of_split("val") if sample.label == 0} == {"ant/9.png"}


def test_a_patient_who_is_a_whole_class_is_divided_between_events() -> None:
    patient = _events([f"ant/{n}.png" for n in range(10)], kind="folder")
    events = _events(["ant/0.png", "ant/1.png", "ant/2.png"], [f"ant/{n}.png" for n in range(3, 10)])
    groups = patient.model_copy(update={"groups": (*patient.groups, *events.groups)})
    parts = split(_dataset(ant=10, bee=10), 0.2, 0, groups)
    assert [sample.split for sample in parts.samples[:10]] == ["val"] * 3 + ["train"] * 7


def test_patients_that_duplicates_tie_to_each_other_are_separate_if_the_class_has_no_others() -> None:
    patients = _events([f"ant/{n}.png" for n in range(5)], [f"ant/{n}.png" for n in range(5, 10)], kind="folder")
    copies = _duplicates(["ant/0.png", "ant/9.png"])
    groups = patients.model_copy(update={"groups": (*patients.groups, *copies.groups)})
    parts = split(_dataset(ant=10, bee=10), 0.2, 0, groups)
    assert {tuple(s.split for s in parts.samples[start : start + 5]) for start in (0, 5)} == {
        ("train",) * 5,
        ("val",) * 5,
    }
    assert cut_warning(parts) is None
    with_others = split(_dataset(ant=20, bee=10), 0.2, 0, groups)
    assert len({sample.split for sample in with_others.samples if sample.group == 0}) == 1
    assert sum(sample.group == 0 for sample in with_others.samples) == 10


def test_a_class_whose_images_are_all_tied_to_other_classes_is_validated() -> None:
    groups = [[f"ant/{n}.png", f"bee/{n}.png"] for n in range(4)]
    for seed in range(20):
        parts = split(_dataset(ant=4, bee=40), 0.2, seed, _duplicates(*groups))
        assert parts.counts("val")[0] >= 1
        sides = {sample.path: sample.split for sample in parts.samples}
        assert all(sides[one] == sides[other] for one, other in groups)


def test_images_that_stay_in_training_are_not_taken_when_a_series_is_divided() -> None:
    groups = _events([f"ant/{n}.png" for n in range(10)])
    parts = split(_dataset(ant=10, bee=10), 0.2, 0, groups, frozenset({"ant/9.png", "ant/8.png"}))
    assert {sample.path for sample in parts.of_split("val") if sample.label == 0} == {"ant/6.png", "ant/7.png"}


def test_many_divided_classes_are_counted() -> None:
    names = [f"class{number}" for number in range(9)]
    groups = _events(*([f"{name}/{n}.png" for n in range(5)] for name in names))
    message = str(cut_warning(split(_dataset(**dict.fromkeys(names, 5)), 0.2, 0, groups)))
    assert "'class4' (1 of 5) and 4 more" in message


def test_the_groups_of_a_split_are_stored_and_older_files_have_none(tmp_path: Path) -> None:
    parts = split(_dataset(ant=10, bee=10), 0.2, 0, _events([f"ant/{n}.png" for n in range(10)]))
    write_split(parts, tmp_path / "split.json")
    stored = read_split(tmp_path / "split.json")
    assert (stored.groups, stored.grouping) == (parts.groups, "1 by time")
    document = json.loads((tmp_path / "split.json").read_text("utf-8"))
    del document["groups"], document["grouping"]
    (tmp_path / "split.json").write_text(json.dumps(document))
    assert (read_split(tmp_path / "split.json").groups, read_split(tmp_path / "split.json").grouping) == ((), "")


def test_taking_the_split_back_forgets_its_groups() -> None:
    parts = split(_dataset(ant=10, bee=10), 0.2, 0, _events([f"ant/{n}.png" for n in range(10)]))
    assert (unsplit(parts).groups, unsplit(parts).grouping) == ((), "")
