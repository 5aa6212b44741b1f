"""Tests that the grey ranges of a dataset are used from the training to every later use of its model."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from engine import jobs
from engine.config.settings import DataConfig
from engine.core.event_stream import run_to_end
from engine.core.events import EpochDone, Warned
from engine.data.dataset import scan
from engine.data.decode import decode
from engine.data.pixels.grey_range import GreyRanges
from engine.data.splits import read_split
from engine.ml.loading.feature_cache import compute_features
from engine.ml.loading.image_cache import ImageCache
from engine.ml.loading.loader import eval_loader, train_loader
from engine.ml.models.preprocessing import Preprocessing
from engine.ml.report.gallery import Gallery
from engine.results.model_metadata import METADATA_KEY, read_metadata
from engine.results.predictions import Prediction
from engine.runs.run_folder import Run
from tests.scratch_config import scratch_config
from tests.tiff_bytes import tiff

TINY = (
    scratch_config()
    .changed("data", image_size=16)
    .changed("training", epochs=6, batch_size=8, device="cpu", precision="float32")
    .changed("optim", lr=5e-3)
)
WHITE = 3000
RANGES = GreyRanges(integer=(0.0, WHITE))


def _write(root: Path, num_images: int = 12) -> Path:
    """Write a class of dark and one of bright images of 12 bits; only the brightness differs."""
    rng = np.random.default_rng(0)
    for name, mean in (("dark", 300), ("bright", 1500)):
        (root / name).mkdir(parents=True)
        for number in range(num_images):
            samples = np.clip(rng.normal(mean, mean / 4, (24, 24)), 0, WHITE)
            samples[0, 0] = WHITE if (name, number) == ("bright", 0) else 0
            (root / name / f"{number:02}.tif").write_bytes(tiff(samples.astype(np.uint16)))
    return root


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    folder = tmp_path_factory.mktemp("deep")
    return run_to_end(jobs.split_and_train(scan(_write(folder / "data")), TINY, folder / "run"))


def _predict(model: Path, *paths: Path) -> list[Prediction]:
    predictions: list[Prediction] = []
    run_to_end(
        jobs.predict(model, paths), lambda event: predictions.append(event) if isinstance(event, Prediction) else None
    )
    return predictions


def test_the_range_of_the_dataset_is_stored_in_split_and_model(run: Run) -> None:
    assert read_metadata(run.model_path).grey_ranges == run.dataset.grey_ranges == RANGES


def test_brightness_is_learnt_and_recognised_in_single_images(run: Run) -> None:
    assert max(event.val.accuracy for event in run.events() if isinstance(event, EpochDone)) == 1.0
    for name in ("dark", "bright"):
        (prediction,) = _predict(run.model_path, run.dataset.root / name / "05.tif")
        assert prediction.label == name


def test_training_says_how_the_greys_are_converted(run: Run) -> None:
    messages = [event.message for event in run.events() if isinstance(event, Warned)]
    assert "24\N{NO-BREAK SPACE}images have integers of more than 8 bits: 0 to 3,000 become black to white." in messages


def test_a_model_without_ranges_predicts_as_version_0_1(run: Run, tmp_path: Path) -> None:
    content = run.model_path.read_bytes()
    length = int.from_bytes(content[:8], "little")
    header = json.loads(content[8 : 8 + length])
    fields = json.loads(header["__metadata__"][METADATA_KEY])
    assert fields.pop("grey_ranges") == {"integer": [0.0, WHITE], "floating": None}
    header["__metadata__"][METADATA_KEY] = json.dumps(fields)
    changed = json.dumps(header).encode()
    old = tmp_path / "old.safetensors"
    old.write_bytes(len(changed).to_bytes(8, "little") + changed + content[8 + length :])
    assert read_metadata(old).grey_ranges is None
    bright = run.dataset.root / "bright" / "05.tif"
    assert _predict(old, bright)[0].label == "dark"  # black, as 1,500 of 65,535 is
    assert decode(bright, grey_ranges=None).max() == round(
        int(decode(bright, grey_ranges=RANGES).max()) * WHITE / 65535
    )


def test_a_dataset_that_was_not_fingerprinted_is_measured_before_training(run: Run, tmp_path: Path) -> None:
    dataset = run_to_end(jobs.split(scan(run.dataset.root), DataConfig()))
    assert dataset.grey_ranges == RANGES
    again = run_to_end(
        jobs.train(replace(dataset, grey_ranges=None), TINY.changed("training", epochs=1), tmp_path / "r")
    )
    assert read_metadata(again.model_path).grey_ranges == RANGES


def test_splits_of_version_0_1_have_no_ranges(run: Run, tmp_path: Path) -> None:
    document = json.loads(run.split_path.read_text("utf-8"))
    del document["grey_ranges"]
    (tmp_path / "split.json").write_text(json.dumps(document), "utf-8")
    assert read_split(tmp_path / "split.json").grey_ranges is None


def test_images_are_loaded_by_the_ranges_of_the_preprocessing(run: Run) -> None:
    dataset = run.dataset
    (sample,) = [sample for sample in dataset.samples if sample.path == "bright/05.tif"]
    for ranges, mean in ((RANGES, 127), (None, 6), (GreyRanges(integer=(0.0, 15_000.0)), 25)):
        preprocessing = Preprocessing(16, "squash", (0.5,) * 3, (0.5,) * 3, ranges)
        cache = ImageCache(dataset.root, [sample], (3, 19, 19), repr(ranges), torch.device("cpu"))
        for load in (eval_loader(dataset.root, preprocessing), train_loader(dataset.root, preprocessing, cache, 0, 0)):
            assert load(sample).image.float().mean() == pytest.approx(mean, abs=6)


def test_features_and_canvases_of_another_range_are_not_reused(run: Run, tmp_path: Path) -> None:
    root = Path(shutil.copytree(run.dataset.root, tmp_path / "data"))
    rows = []
    for ranges in (RANGES, GreyRanges(), RANGES):
        preprocessing = Preprocessing(16, "crop", (0.5,) * 3, (0.5,) * 3, ranges)
        cpu, dtype = torch.device("cpu"), torch.float32
        work = compute_features(root, scan(root).samples, nn.Identity(), preprocessing, cpu, dtype)
        rows.append(run_to_end(work).rows)
    assert not torch.equal(rows[0], rows[1])
    assert torch.equal(rows[0], rows[2])


def test_the_report_and_the_explanation_show_the_images_as_the_model_sees_them(run: Run, tmp_path: Path) -> None:
    explanation = run_to_end(jobs.explain(run.model_path, run.dataset.root / "dark" / "05.tif"))
    (prediction,) = _predict(run.model_path, run.dataset.root / "dark" / "05.tif")
    assert (explanation.label, explanation.confidence) == (
        prediction.label,
        pytest.approx(prediction.confidence, abs=1e-4),
    )
    assert explanation.grey_ranges == RANGES
    run_to_end(jobs.draw_explanation(explanation, tmp_path / "why.png"))
    tiles = {Gallery(run.dataset.root, ranges).tile("dark/05.tif", "") for ranges in (RANGES, GreyRanges(), None)}
    assert len(tiles) == 3
