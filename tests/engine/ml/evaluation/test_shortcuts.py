"""Tests of shortcut detection."""

import math
import random
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageOps

from engine import jobs
from engine.audit.findings import Shortcut
from engine.audit.fingerprint import Records, empty_records
from engine.core.event_stream import run_to_end
from engine.core.formatting import percent
from engine.data.dataset import Dataset, Sample, scan
from engine.data.decode import decode
from engine.ml.evaluation.shortcuts import find_shortcuts


def _data(num_images: int = 60, num_classes: int = 3) -> tuple[Dataset, Records]:
    """Return images whose shortcut features have the same distribution in all classes."""
    generator = np.random.default_rng(0)
    records = empty_records(num_images)
    records["width"], records["height"] = generator.integers(300, 500, (2, num_images))
    records["key"][:, 1] = generator.integers(20_000, 90_000, num_images)
    records["quality"] = generator.integers(60, 95, num_images)
    records["colour"] = generator.uniform(50, 200, (num_images, 3))
    records["camera"] = generator.choice([b"X", b"Y"], num_images)
    records["taken"] = generator.uniform(0, 10**6, num_images)
    names = tuple("abcdefghij"[:num_classes])
    samples = tuple(Sample(f"{names[n % num_classes]}/{n}.jpg", n % num_classes) for n in range(num_images))
    return Dataset(Path("/data"), names, samples), records


def _find(dataset: Dataset, records: Records) -> tuple[Shortcut, ...]:
    return find_shortcuts(dataset, dataset.samples, records, ())


@pytest.mark.parametrize("num_classes", [2, 3, 10])
def test_features_independent_of_the_class_are_no_shortcuts(num_classes: int) -> None:
    assert _find(*_data(20 * num_classes, num_classes)) == ()


@pytest.mark.parametrize(
    ("feature", "change_class"),
    [
        ("JPEG quality", lambda records, rows: records["quality"].__setitem__(rows, 30)),
        ("border", lambda records, rows: records["border"].__setitem__(rows, 0.05)),
        ("size", lambda records, rows: records["width"].__setitem__(rows, 4 * records["width"][rows])),
        ("camera", lambda records, rows: records["camera"].__setitem__(rows, b"Z")),
        ("time of day", lambda records, rows: records["taken"].__setitem__(rows, math.nan)),
        ("mean colour", lambda records, rows: records["colour"].__setitem__(rows, 250)),
    ],
)
@pytest.mark.parametrize("num_classes", [2, 10])
def test_a_feature_that_only_one_class_has_is_a_shortcut(
    feature: str, change_class: Callable[[Records, np.ndarray], None], num_classes: int
) -> None:
    dataset, records = _data(20 * num_classes, num_classes)
    change_class(records, np.array([sample.label == 1 for sample in dataset.samples]))
    shortcuts = _find(dataset, records)
    assert feature in [shortcut.feature for shortcut in shortcuts] or (
        feature == "size" and shortcuts[0].feature == "aspect"
    )
    first = shortcuts[0]
    assert first.accuracy > 0.9
    assert first.chance == 0.5
    assert percent(first.accuracy) in first.sentence
    assert num_classes == 2 or "'b'" in first.sentence


def test_a_feature_of_a_third_of_a_class_is_no_shortcut() -> None:
    dataset, records = _data(120, 2)
    rows = np.array([sample.label == 1 and number % 3 == 0 for number, sample in enumerate(dataset.samples)])
    records["camera"][rows] = b"Z"
    assert _find(dataset, records) == ()


def test_classes_with_fewer_than_ten_images_are_skipped() -> None:
    dataset, records = _data(18, 2)
    records["quality"][::2] = 30
    assert _find(dataset, records) == ()


def test_duplicates_are_not_independent_evidence() -> None:
    dataset, records = _data(80, 2)
    records = np.repeat(records[:20], 4)
    samples = tuple(replace(sample, label=n // 4 % 2) for n, sample in enumerate(dataset.samples))
    dataset = replace(dataset, samples=samples)
    groups = [[sample.path for sample in samples[start : start + 4]] for start in range(0, 80, 4)]
    assert find_shortcuts(dataset, samples, records, ()) != ()
    assert find_shortcuts(dataset, samples, records, groups) == ()


def _write(source: Path, target: Path, change: Callable[[Image.Image], tuple[Image.Image, int]]) -> Dataset:
    """Save some images of each class, those of the first class changed."""
    dataset = scan(source)
    chosen = random.Random(0).sample(dataset.samples, min(200, len(dataset.samples)))
    for number, sample in enumerate(chosen):
        image, quality = Image.fromarray(decode(source / sample.path, min_side=160)), 88
        if sample.label == 0:
            image, quality = change(image)
        path = target / dataset.classes[sample.label] / f"{number}.jpg"
        path.parent.mkdir(parents=True, exist_ok=True)
        image.save(path, quality=quality)
    return scan(target)


@pytest.mark.parametrize("name", ["hymenoptera", "weather", "sign_digits"])
@pytest.mark.parametrize(
    ("feature", "change"),
    [
        ("JPEG quality", lambda image: (image, 70)),
        ("border", lambda image: (ImageOps.expand(image, max(image.size) // 30, "white"), 88)),
    ],
)
def test_a_shortcut_added_to_real_images_is_found(
    shared: Path, tmp_path: Path, name: str, feature: str, change: Callable[[Image.Image], tuple[Image.Image, int]]
) -> None:
    dataset = _write(shared / "data" / name, tmp_path, change)
    shortcuts = run_to_end(jobs.check(dataset)).shortcuts
    assert shortcuts
    assert shortcuts[0].feature == feature


@pytest.mark.parametrize("name", ["hymenoptera", "weather", "sign_digits"])
def test_unmodified_real_images_have_no_shortcuts(shared: Path, name: str) -> None:
    assert run_to_end(jobs.check(scan(shared / "data" / name))).shortcuts == ()
