"""Tests of finding cues that give the class away."""

import math
import random
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageOps

from engine import jobs
from engine.audit.findings import DuplicateGroup, Shortcut
from engine.audit.fingerprint import Records, empty_records
from engine.core.event_stream import run_to_end
from engine.data.dataset import Dataset, Sample, scan
from engine.data.decode import decode
from engine.ml.evaluation.shortcuts import find_shortcuts


def _data(num_images: int = 60, num_classes: int = 3) -> tuple[Dataset, Records]:
    """Return images whose cues are drawn alike for all classes."""
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


def _found(dataset: Dataset, records: Records) -> tuple[Shortcut, ...]:
    return find_shortcuts(dataset, dataset.samples, records, ())


@pytest.mark.parametrize("num_classes", [2, 3, 10])
def test_cues_that_are_drawn_alike_give_nothing_away(num_classes: int) -> None:
    assert _found(*_data(20 * num_classes, num_classes)) == ()


@pytest.mark.parametrize(
    ("cue", "give_away"),
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
def test_a_cue_that_one_class_alone_has_is_named(
    cue: str, give_away: Callable[[Records, np.ndarray], None], num_classes: int
) -> None:
    dataset, records = _data(20 * num_classes, num_classes)
    give_away(records, np.array([sample.label == 1 for sample in dataset.samples]))
    found = _found(dataset, records)
    assert cue in [shortcut.feature for shortcut in found] or (cue == "size" and found[0].feature == "aspect")
    first = found[0]
    assert first.accuracy > 0.9
    assert first.chance == 0.5
    assert f"{first.accuracy:.0%}" in first.sentence
    assert num_classes == 2 or "'b'" in first.sentence


def test_half_a_giveaway_is_not_told_of() -> None:
    dataset, records = _data(120, 2)
    rows = np.array([sample.label == 1 and number % 3 == 0 for number, sample in enumerate(dataset.samples)])
    records["camera"][rows] = b"Z"
    assert _found(dataset, records) == ()


def test_a_class_of_nine_images_is_not_judged() -> None:
    dataset, records = _data(18, 2)
    records["quality"][::2] = 30
    assert _found(dataset, records) == ()


def test_copies_do_not_vouch_for_one_another() -> None:
    dataset, records = _data(80, 2)
    records = np.repeat(records[:20], 4)
    samples = tuple(replace(sample, label=n // 4 % 2) for n, sample in enumerate(dataset.samples))
    dataset = replace(dataset, samples=samples)
    groups = [
        DuplicateGroup(
            paths=tuple(sample.path for sample in samples[start : start + 4]),
            kind="exact",
            is_conflict=False,
            crosses_splits=False,
        )
        for start in range(0, 80, 4)
    ]
    assert find_shortcuts(dataset, samples, records, ()) != ()
    assert find_shortcuts(dataset, samples, records, groups) == ()


def _write(source: Path, target: Path, change: Callable[[Image.Image], tuple[Image.Image, int]]) -> Dataset:
    """Save some images of each class alike, but those of the first class changed."""
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
    ("cue", "change"),
    [
        ("JPEG quality", lambda image: (image, 70)),
        ("border", lambda image: (ImageOps.expand(image, max(image.size) // 30, "white"), 88)),
    ],
)
def test_real_images_made_to_give_their_class_away_are_seen_through(
    shared: Path, tmp_path: Path, name: str, cue: str, change: Callable[[Image.Image], tuple[Image.Image, int]]
) -> None:
    dataset = _write(shared / "data" / name, tmp_path, change)
    found = run_to_end(jobs.check(dataset)).shortcuts
    assert found
    assert found[0].feature == cue


@pytest.mark.parametrize("name", ["hymenoptera", "weather", "sign_digits"])
def test_real_images_as_they_are_give_nothing_away(shared: Path, name: str) -> None:
    assert run_to_end(jobs.check(scan(shared / "data" / name))).shortcuts == ()
