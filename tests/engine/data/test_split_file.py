"""Tests of writing and reading split.json."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from engine.core.errors import EngineError
from engine.data.dataset import scan
from engine.data.splits import read_split, split, write_split
from tests.engine.data.split_data import duplicate_groups, make_dataset, ordered_groups
from tests.images import write_classes

_DAMAGED = r"^The list of images of this run is missing or damaged\.$"


def test_a_split_file_contains_groups_and_one_without_groups_is_readable(tmp_path: Path) -> None:
    parts = split(make_dataset(ant=4, bee=4), 0.25, 0, duplicate_groups(["ant/0.png", "ant/1.png"]))
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
    write_split(replace(make_dataset(ant=2, bee=2), root=Path("images")), tmp_path / "split.json")
    lines = (tmp_path / "split.json").read_text("utf-8").splitlines()
    assert f'"root": "{tmp_path / "images"}",' in lines
    assert '"path": "bee/1.png",' in lines


def test_a_split_that_was_read_is_not_split_again(tmp_path: Path) -> None:
    write_split(split(make_dataset(ant=4, bee=4), 0.25, 0), tmp_path / "split.json")
    parts = read_split(tmp_path / "split.json")
    assert split(parts, 0.5, 1) == parts


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


def test_the_groups_of_a_split_are_stored_and_older_files_have_none(tmp_path: Path) -> None:
    parts = split(make_dataset(ant=10, bee=10), 0.2, 0, ordered_groups([f"ant/{n}.png" for n in range(10)]))
    write_split(parts, tmp_path / "split.json")
    stored = read_split(tmp_path / "split.json")
    assert (stored.groups, stored.grouping) == (parts.groups, "1 by time")
    document = json.loads((tmp_path / "split.json").read_text("utf-8"))
    del document["groups"], document["grouping"]
    (tmp_path / "split.json").write_text(json.dumps(document))
    assert (read_split(tmp_path / "split.json").groups, read_split(tmp_path / "split.json").grouping) == ((), "")
