"""Property tests of the validation split."""

from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from engine.data.dataset import Dataset, Sample
from engine.data.groups.photo_groups import GroupKind, PhotoGroup, PhotoGroups
from engine.data.splits import split


@st.composite
def datasets(draw: st.DrawFn) -> tuple[Dataset, list[list[str]]]:
    """Return a dataset and groups of its paths that must stay on one side of the split."""
    sizes = draw(st.lists(st.integers(1, 25), min_size=1, max_size=5))
    paths = [(f"c{label}/{number}.jpg", label) for label, size in enumerate(sizes) for number in range(size)]
    samples = tuple(Sample(path, label) for path, label in paths)
    all_paths = st.sampled_from([path for path, _ in paths])
    groups = draw(st.lists(st.lists(all_paths, min_size=1, max_size=6, unique=True), max_size=6))
    for label, size in enumerate(sizes):  # bursts that cover a class completely
        block = draw(st.integers(1, 25))
        own = [path for path, of_class in paths if of_class == label]
        groups += [own[start : start + block] for start in range(0, size, block)] if block > 1 else []
    return Dataset(Path("/data"), tuple(f"c{label}" for label in range(len(sizes))), samples), groups


def _merge(dataset: Dataset, groups: list[list[str]]) -> list[set[str]]:
    """Return the sets of paths that must stay together; groups that share an image are merged."""
    merged: list[set[str]] = []
    for group in [*map(set, groups), *({sample.path} for sample in dataset.samples)]:
        linked = [each for each in merged if each & group]
        merged = [each for each in merged if each not in linked] + [group.union(*linked)]
    return merged


@given(datasets(), st.floats(0.01, 0.99), st.integers(0, 2**32 - 1))
def test_a_split_is_a_reproducible_partition_that_keeps_groups_together(
    drawn: tuple[Dataset, list[list[str]]], share: float, seed: int
) -> None:
    dataset, groups = drawn
    duplicates = PhotoGroups(groups=tuple(PhotoGroup(kind="duplicate", paths=tuple(paths)) for paths in groups))
    result = split(dataset, share, seed, duplicates)
    assert [(sample.path, sample.label) for sample in result.samples] == [(s.path, s.label) for s in dataset.samples]
    assert {sample.split for sample in result.samples} <= {"train", "val"}
    assert result == split(dataset, share, seed, duplicates)
    sides = {sample.path: sample.split for sample in result.samples}
    assert all(len({sides[path] for path in group}) == 1 for group in groups)
    assert all(number >= 1 for number in result.counts("train"))
    num_val = result.counts("val")
    merged = _merge(dataset, groups)
    for label, total in enumerate(dataset.counts()):
        requested = min(max(1, round(total * share)), total - 1)
        own = [len(group) for group in merged if {path.split("/")[0] for path in group} == {f"c{label}"}]
        smallest = min((size for size in own if size < total), default=0)
        # At least one image, unless every group contains images of another class or the whole class
        assert min(1, smallest) <= num_val[label] <= max(requested, smallest)


@given(datasets(), st.floats(0.01, 0.99), st.integers(0, 2**32 - 1))
def test_without_groups_each_class_has_its_share_and_at_least_one_validation_image(
    drawn: tuple[Dataset, list[list[str]]], share: float, seed: int
) -> None:
    dataset, _ = drawn
    result = split(dataset, share, seed)
    for total, val in zip(dataset.counts(), result.counts("val")):
        assert val == min(max(1, round(total * share)), total - 1)


@given(datasets(), st.lists(st.sampled_from(("time", "part", "name", "folder")), min_size=40, max_size=40), st.data())
def test_with_groups_of_photos_every_class_of_two_images_is_validated_and_whole_groups_stay_together(
    drawn: tuple[Dataset, list[list[str]]], kinds: list[GroupKind], data: st.DataObject
) -> None:
    dataset, groups = drawn
    found = tuple(PhotoGroup(kind=kinds[n % 40], paths=tuple(paths)) for n, paths in enumerate(groups))
    order = tuple(data.draw(st.permutations([sample.path for sample in dataset.samples])))
    fraction, seed = data.draw(st.floats(0.01, 0.99)), data.draw(st.integers(0, 99))
    result = split(dataset, fraction, seed, PhotoGroups(groups=found, order=order))
    assert all(number >= 1 for number in result.counts("train"))
    assert all(val >= 1 for total, val in zip(dataset.counts(), result.counts("val")) if total > 1)
    sides: dict[int, set[str]] = {}
    for sample in result.samples:
        if sample.group is not None:
            sides.setdefault(sample.group, set()).add(sample.split)
    assert sorted(sides) == list(range(len(result.groups)))
    assert all(len(side) == 1 for side in sides.values())
    cut = {sample.path for sample in result.samples if sample.group is not None and result.groups[sample.group].is_cut}
    side_of = {sample.path: sample.split for sample in result.samples}
    assert all(len({side_of[path] for path in paths}) == 1 for paths in groups if cut.isdisjoint(paths))
