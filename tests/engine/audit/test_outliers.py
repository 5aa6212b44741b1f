"""Tests of image-quality outliers."""

from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageEnhance, ImageFilter

from engine.audit.fingerprint import Records, empty_records
from engine.audit.outliers import find_outliers
from engine.audit.scan import fingerprint_dataset
from engine.core.event_stream import run_to_end
from engine.data.dataset import Sample, scan
from tests.images import draw_scene


def _records(num_images: int = 20) -> Records:
    records = empty_records(num_images)
    records["width"], records["height"] = 500, 375
    records["sharpness"], records["brightness"] = 0.36, 120
    return records


def _find(records: Records) -> list[tuple[str, str]]:
    samples = [Sample(f"ant/{number}.png", 0) for number in range(len(records))]
    return [(outlier.path, outlier.kind) for outlier in find_outliers(samples, records)]


def test_equal_images_are_not_outliers_and_an_empty_dataset_has_none() -> None:
    assert _find(_records()) == []
    assert find_outliers([], empty_records(0)) == ()


@pytest.mark.parametrize(
    ("kind", "values"),
    [
        ("blurred", {"sharpness": 0.255}),
        ("dark", {"brightness": 12}),
        ("bright", {"brightness": 245}),
        ("tiny", {"width": 60, "height": 45}),
        ("shape", {"width": 2000, "height": 375}),
        ("shape", {"width": 375, "height": 1000}),
    ],
)
def test_a_single_deviating_image_is_found_unless_all_images_deviate(kind: str, values: dict[str, float]) -> None:
    records = _records()
    for name, value in values.items():
        records[name][3] = value
    assert _find(records) == [("ant/3.png", kind)]
    for name, value in values.items():
        records[name] = value
    assert _find(records) == []


def test_modified_image_files_are_find(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    for number in range(12):
        draw_scene(number, (400, 300)).save(tmp_path / "a" / f"{number}.png")
    draw_scene(20, (400, 300)).filter(ImageFilter.GaussianBlur(8)).save(tmp_path / "a" / "blurred.png")
    ImageEnhance.Brightness(draw_scene(21, (400, 300))).enhance(0.1).save(tmp_path / "a" / "dark.png")
    Image.new("RGB", (400, 300), "white").save(tmp_path / "a" / "bright.png")
    draw_scene(22, (40, 30)).save(tmp_path / "a" / "tiny.png")
    scanned = run_to_end(fingerprint_dataset(scan(tmp_path)))
    kinds = {(outlier.path, outlier.kind) for outlier in find_outliers(scanned.samples, scanned.records)}
    assert {(f"a/{kind}.png", kind) for kind in ("blurred", "dark", "bright", "tiny")} <= kinds
    assert len({path for path, _ in kinds}) == 4


@pytest.mark.parametrize("name", ["hymenoptera", "weather", "sign_digits"])
def test_at_most_two_percent_of_ordinary_photos_are_outliers_of_one_kind(shared: Path, name: str) -> None:
    scanned = run_to_end(fingerprint_dataset(scan(shared / "data" / name)))
    kinds = Counter(outlier.kind for outlier in find_outliers(scanned.samples, scanned.records))
    assert max(kinds.values(), default=0) <= 0.02 * len(scanned.samples)
    assert np.isfinite(scanned.records["sharpness"]).all()
