"""Tests of setting images aside."""

from pathlib import Path

import pytest

from engine.dataset import Dataset, Sample, scan
from engine.errors import EngineError
from engine.splits import read_split, split, write_split
from tests.pictures import write_classes


def _dataset(**counts: int) -> Dataset:
    names = tuple(sorted(counts))
    samples = [Sample(f"{name}/{i}.png", names.index(name)) for name in names for i in range(counts[name])]
    return Dataset(Path("/data"), names, tuple(samples))


def test_each_class_gives_its_share() -> None:
    parts = split(_dataset(ant=10, bee=40), 0.2, seed=0)
    assert parts.counts("val") == [2, 8]
    assert parts.counts("train") == [8, 32]


def test_a_class_of_two_gives_one_and_keeps_one() -> None:
    assert split(_dataset(ant=2, bee=2), 0.01, seed=0).counts("val") == [1, 1]
    assert split(_dataset(ant=2, bee=2), 0.99, seed=0).counts("val") == [1, 1]


def test_a_class_of_one_stays_in_training() -> None:
    parts = split(_dataset(ant=1, bee=5), 0.4, seed=0)
    assert parts.counts("train") == [1, 3]


def test_the_same_seed_draws_the_same_split_and_another_seed_another() -> None:
    dataset = _dataset(ant=50, bee=50)
    assert split(dataset, 0.2, 1) == split(dataset, 0.2, 1)
    assert split(dataset, 0.2, 1) != split(dataset, 0.2, 2)


def test_another_class_does_not_change_the_split_of_the_first() -> None:
    two, three = split(_dataset(bee=50, cat=50), 0.2, 0), split(_dataset(ant=9, bee=50, cat=50), 0.2, 0)
    of_bees = [{s.path for s in parts.of_split("val") if s.path.startswith("bee")} for parts in (two, three)]
    assert of_bees[0] == of_bees[1]


def test_a_folder_with_its_own_validation_images_is_left_as_it_is(tmp_path: Path) -> None:
    for name in ("train", "val"):
        write_classes(tmp_path / name, {"red": 3, "blue": 3})
    dataset = scan(tmp_path)
    assert split(dataset, 0.5, 0) == dataset


def test_a_split_survives_the_way_through_its_file(tmp_path: Path) -> None:
    parts = split(scan(write_classes(tmp_path / "Ünï 测试", {"red": 4, "blue": 4})), 0.25, 0)
    write_split(parts, tmp_path / "split.json")
    again = read_split(tmp_path / "split.json")
    assert (again.root, again.classes, again.samples) == (parts.root, parts.classes, parts.samples)


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"root": "/", "classes": ["a"], "files": [{"path": "x"}]}'])
def test_a_damaged_split_file_is_a_sentence(tmp_path: Path, text: str) -> None:
    path = tmp_path / "split.json"
    path.write_text(text)
    with pytest.raises(EngineError, match="damaged"):
        read_split(path)
