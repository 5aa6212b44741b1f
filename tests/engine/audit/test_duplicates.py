"""Tests of finding exact duplicates and near-duplicates."""

import io
import math
import shutil
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageEnhance

from benchmarks.duplicates import CHANGES, count_found, plant_duplicates
from engine.audit.duplicates import find_duplicates
from engine.audit.findings import DuplicateGroup
from engine.audit.fingerprint import empty_records, fingerprint
from engine.audit.photo_groups import with_duplicates
from engine.audit.scan import fingerprint_dataset
from engine.core.event_stream import run_to_end
from engine.data.dataset import Dataset, Sample, scan
from engine.data.groups.photo_groups import PhotoGroups
from engine.data.splits import split
from tests.images import draw_scene


def _groups(root: Path) -> tuple[DuplicateGroup, ...]:
    scanned = run_to_end(fingerprint_dataset(scan(root)))
    return run_to_end(find_duplicates(scanned.samples, scanned.records))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Eight different images in two classes."""
    for number in range(8):
        path = tmp_path / "data" / ("ant" if number < 4 else "bee") / f"{number}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        draw_scene(number).save(path)
    return tmp_path / "data"


def test_different_images_are_not_duplicates(folder: Path) -> None:
    assert _groups(folder) == ()


def test_a_copied_file_is_an_exact_duplicate_and_in_another_class_a_conflict(folder: Path) -> None:
    shutil.copyfile(folder / "ant" / "0.png", folder / "ant" / "copy.png")
    shutil.copyfile(folder / "ant" / "1.png", folder / "bee" / "copy.png")
    inside, across = _groups(folder)
    assert (inside.paths, inside.kind, inside.is_conflict) == (("ant/0.png", "ant/copy.png"), "exact", False)
    assert (across.paths, across.kind, across.is_conflict) == (("ant/1.png", "bee/copy.png"), "exact", True)
    assert not inside.crosses_splits


def _recompress(image: Image.Image) -> Image.Image:
    file = io.BytesIO()
    image.save(file, "JPEG", quality=30)
    return Image.open(file)


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(_recompress, id="at another quality"),
        pytest.param(lambda image: image.resize((80, 60)), id="at another size"),
        pytest.param(lambda image: image.crop((7, 3, 192, 146)), id="slightly cropped"),
        pytest.param(lambda image: image.convert("L"), id="without colour"),
        pytest.param(lambda image: ImageEnhance.Brightness(image).enhance(0.8), id="darker"),
    ],
)
def test_a_modified_copy_is_a_near_duplicate(folder: Path, change) -> None:  # type: ignore[no-untyped-def]
    change(Image.open(folder / "ant" / "2.png")).save(folder / "ant" / "again.png")
    (group,) = _groups(folder)
    assert (group.paths, group.kind) == (("ant/2.png", "ant/again.png"), "near")


def test_the_same_shapes_in_different_colours_are_not_duplicates(folder: Path) -> None:
    grey = Image.open(folder / "ant" / "0.png").convert("L")
    (folder / "ant" / "0.png").unlink()
    dim = grey.point(lambda value: value // 2)
    for name, channels in (("red", (grey, dim, dim)), ("green", (dim, grey, dim))):
        Image.merge("RGB", channels).save(folder / "ant" / f"{name}.png")
    assert _groups(folder) == ()


def test_equal_hashes_alone_do_not_make_duplicates() -> None:
    records = empty_records(2)
    records["digest"] = [[1, 1], [2, 2]]
    records["taken"] = math.nan
    for row in range(2):
        grey = draw_scene(row).convert("L").resize((32, 32))
        records["thumbnail"][row] = np.asarray(grey)
    samples = [Sample("a/1", 0), Sample("a/2", 0)]
    assert run_to_end(find_duplicates(samples, records)) == ()


def test_the_same_sign_by_different_hands_is_not_a_duplicate(shared: Path) -> None:
    assert [group.paths for group in _groups(shared / "data" / "sign_digits")] == []


def test_duplicates_in_train_and_val_cross_splits(folder: Path, tmp_path: Path) -> None:
    for split_name in ("train", "val"):
        shutil.copytree(folder, tmp_path / "own" / split_name)
    for path in (tmp_path / "own" / "val" / "bee").iterdir():
        draw_scene(100 + int(path.stem)).save(path)
    groups = _groups(tmp_path / "own")
    assert len(groups) == 4
    assert all(group.crosses_splits and not group.is_conflict for group in groups)


def test_the_split_keeps_each_group_on_one_side(folder: Path) -> None:
    for number in range(4):
        draw_scene(number).save(folder / "ant" / f"{number}.jpg", quality=60)
    dataset = scan(folder)
    scanned = run_to_end(fingerprint_dataset(dataset))
    groups = run_to_end(find_duplicates(scanned.samples, scanned.records))
    assert len(groups) == 4
    for seed in range(5):
        divided = split(dataset, 0.3, seed, with_duplicates(PhotoGroups(), groups))
        assert divided.counts("val") == [2, 1]
        assert _is_on_one_side(divided, groups)


def _is_on_one_side(dataset: Dataset, groups: Sequence[DuplicateGroup]) -> bool:
    sides = {sample.path: sample.split for sample in dataset.samples}
    return all(len({sides[path] for path in group.paths}) == 1 for group in groups)


@pytest.mark.parametrize("name", ["weather", "flowers_small"])
def test_all_identical_files_are_found(shared: Path, name: str) -> None:
    dataset = scan(shared / "data" / name)
    by_size: dict[int, list[str]] = {}
    for sample in dataset.samples:
        by_size.setdefault((dataset.root / sample.path).stat().st_size, []).append(sample.path)
    by_bytes: dict[bytes, list[str]] = {}
    for path in (path for paths in by_size.values() if len(paths) > 1 for path in paths):
        by_bytes.setdefault((dataset.root / path).read_bytes(), []).append(path)
    same = [paths for paths in by_bytes.values() if len(paths) > 1]
    samples = tuple(sample for sample in dataset.samples if any(sample.path in paths for paths in same))
    records = np.stack([fingerprint(dataset.root / sample.path) for sample in samples])
    groups = run_to_end(find_duplicates(samples, records))
    assert {tuple(sorted(paths)) for paths in same} <= {tuple(sorted(g.paths)) for g in groups if g.kind == "exact"}
    assert sum(group.is_conflict for group in groups) == (4 if name == "flowers_small" else 0)


@pytest.mark.parametrize("name", ["hymenoptera", "weather", "sign_digits", "flowers_small"])
def test_planted_near_duplicates_of_real_images_are_found(shared: Path, tmp_path: Path, name: str) -> None:
    dataset = plant_duplicates(shared / "data" / name, tmp_path / "planted", 40)
    scanned = run_to_end(fingerprint_dataset(dataset))
    for kind in CHANGES:
        found = count_found(scanned, dataset, kind)
        assert found.recall >= 0.95, kind
        assert found.num_other_pairs < 0.01 * found.num_pairs, kind
        assert found.is_grouped, kind
