"""Tests that a scan finds the grey ranges of a dataset, and scales and describes its images by them."""

from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image

from engine import jobs
from engine.audit.fingerprint import fingerprint
from engine.audit.scan import DatasetScan, fingerprint_dataset
from engine.core.event_stream import run_to_end
from engine.data.dataset import scan
from engine.data.decode import decode
from engine.data.pixels.grey_range import GreyRanges
from tests.tiff_bytes import tiff


def _write(root: Path, images: dict[str, npt.NDArray[np.generic]]) -> Path:
    for name, samples in images.items():
        path = root / f"{name}.tif"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(tiff(samples))
    return root


def _scan(root: Path) -> DatasetScan:
    return run_to_end(fingerprint_dataset(scan(root)))


def _noise(low: float, high: float, dtype: type = np.uint16, seed: int = 0) -> npt.NDArray[np.generic]:
    values = np.random.default_rng(seed).uniform(low, high, (40, 40))
    values[0, :2] = low, high
    return values.astype(dtype)


def test_the_ranges_are_those_of_all_training_and_validation_images(tmp_path: Path) -> None:
    images = {
        "train/a/1": _noise(5, 900),
        "train/b/1": _noise(0, 300, seed=1),
        "train/a/2": _noise(-0.5, 0.5, np.float64),
        "val/a/3": _noise(0, 3276),
        "val/b/3": _noise(0, 1.0001, np.float32),
        "test/a/4": _noise(0, 60_000),
    }
    scanned = _scan(_write(tmp_path / "data", images))
    assert scanned.grey_ranges.integer == (0, 3276)
    assert scanned.grey_ranges.floating == (-0.5, pytest.approx(1.0001))


def test_measures_of_a_scan_are_those_of_images_scaled_by_the_range(tmp_path: Path) -> None:
    images = {
        "a/dark": _noise(0, 200),
        "a/offset": _noise(800, 1000, seed=1),
        "b/light": _noise(0, 4000, seed=2),
        "b/colours": np.stack([_noise(0, 300 * k, seed=k) for k in (2, 3, 4)], 2),
        "b/signed": _noise(-100, 300, np.int16),
        "b/stated": _noise(0, 255, np.uint8),
    }
    scanned = _scan(_write(tmp_path / "data", images))
    assert scanned.grey_ranges.integer == (-100, 4000)
    for sample, record in zip(scanned.samples, scanned.records):
        pixels = decode(tmp_path / "data" / sample.path, None, scanned.grey_ranges)
        grey = np.asarray(Image.fromarray(pixels).convert("L"), np.float32)
        assert record["brightness"] == pytest.approx(grey.mean(), abs=1), sample.path
        assert record["contrast"] == pytest.approx(grey.std(), abs=1), sample.path
        assert np.abs(record["colour"] - pixels.mean((0, 1))).max() <= 1.5, sample.path
        assert abs(float(record["thumbnail"].mean()) - grey.mean()) <= 1.5, sample.path


def test_inverted_greys_are_scaled_with_white_as_the_lowest_value(tmp_path: Path) -> None:
    (tmp_path / "data" / "a").mkdir(parents=True)
    (tmp_path / "data" / "a" / "1.tif").write_bytes(tiff(_noise(0, 200), tags={262: 0}))
    (tmp_path / "data" / "a" / "2.tif").write_bytes(tiff(_noise(0, 1000), tags={262: 0}))
    scanned = _scan(tmp_path / "data")
    for record, expected in zip(scanned.records, (230, 128)):
        assert record["brightness"] == pytest.approx(expected, abs=5)


def test_an_all_dark_image_is_found_among_bright_ones_of_12_bits(tmp_path: Path) -> None:
    images = {f"{name}/{seed}": _noise(0, 4000, seed=seed) for name in "ab" for seed in range(4)}
    dataset = scan(_write(tmp_path / "data", {**images, "a/dark": _noise(0, 40)}))
    audit = run_to_end(jobs.check(dataset))
    assert [outlier.path for outlier in audit.outliers if outlier.kind == "dark"] == ["a/dark.tif"]


def test_a_scan_says_how_images_are_decoded(tmp_path: Path) -> None:
    _write(tmp_path / "data", {"a/1": _noise(0, 3276), "b/2": _noise(0, 100), "b/3": np.zeros((4, 4, 5), np.uint8)})
    (tmp_path / "data" / "a" / "pages.tif").write_bytes(tiff(*[np.full((40, 40), 9, np.uint8)] * 2))
    Image.new("RGBA", (40, 40)).save(tmp_path / "data" / "b" / "nothing.png")
    assert run_to_end(jobs.check(scan(tmp_path / "data"))).notes == (
        "2\N{NO-BREAK SPACE}images have integers of more than 8 bits: 0 to 3,276 become black to white.",
        "1\N{NO-BREAK SPACE}image has several pages or frames: only the first is used.",
        "1\N{NO-BREAK SPACE}image has more channels than colours: only the first ones are used.",
        "1\N{NO-BREAK SPACE}image is fully transparent and shows nothing.",
    )


def test_images_of_8_bits_need_no_word(tmp_path: Path) -> None:
    scanned = _scan(
        _write(tmp_path / "data", {"a/1": np.zeros((9, 9, 3), np.uint8), "b/1": np.zeros((9, 9), np.uint8)})
    )
    assert (scanned.grey_ranges, scanned.notes) == (GreyRanges(), ())


def test_a_fingerprint_stores_what_the_file_states(tmp_path: Path) -> None:
    (tmp_path / "a.tif").write_bytes(tiff(_noise(10, 2000), tags={281: 4095}))
    record = fingerprint(tmp_path / "a.tif")
    assert (record["samples"], record["values"].tolist()[:2]) == (1, [10, 2000])
    assert np.isnan(record["encoding"]).all()
    assert record["display"].tolist() == record["used"].tolist() == [0, 4095]
