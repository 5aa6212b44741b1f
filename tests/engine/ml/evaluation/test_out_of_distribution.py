"""Tests of out-of-distribution detection and of the decisions of a finished model."""

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from engine import jobs
from engine.core.event_stream import run_to_end
from engine.core.events import Event
from engine.data.dataset import Dataset, scan
from engine.data.splits import split
from engine.ml.evaluation.out_of_distribution import mean_knn_cosine, read_reference_embeddings
from engine.ml.models.reference_embeddings import l2_normalize, read_embeddings
from engine.results.model_metadata import read_metadata
from engine.results.predictions import ACCEPTED, UNKNOWN, UNSURE, Prediction
from engine.runs.run_folder import Run
from tests.images import write_classes
from tests.scratch_config import scratch_config

CONFIG = scratch_config().changed("data", image_size=32).changed("training", epochs=3, batch_size=8, device="cpu")


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    return split(scan(write_classes(tmp_path_factory.mktemp("data") / "data", {"red": 40, "blue": 40})), 0.25, 0)


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory, dataset: Dataset) -> Run:
    path = tmp_path_factory.mktemp("reference") / "run"
    return run_to_end(jobs.train(dataset, CONFIG.changed("optim", lr=5e-3), path))


def _predict(run: Run, path: Path, max_error: float | None = None) -> Prediction:
    predictions: list[Prediction] = []

    def collect(event: Event | Prediction) -> None:
        if isinstance(event, Prediction):
            predictions.append(event)

    run_to_end(jobs.predict(run.model_path, [path], max_error=max_error), collect)
    return predictions[0]


def test_a_finished_run_has_reference_embeddings_and_a_calibration(run: Run, dataset: Dataset) -> None:
    reference = read_reference_embeddings(run.path)
    train = dataset.of_split("train")
    assert reference.paths == tuple(sample.path for sample in train)
    assert reference.labels == tuple(dataset.classes[sample.label] for sample in train)
    assert torch.allclose(reference.embeddings.norm(dim=1), torch.ones(len(train)), atol=1e-5)
    calibration = read_metadata(run.model_path).calibration
    assert calibration is not None
    assert calibration.num_images == 20
    assert calibration.ood_threshold is not None


def test_the_nearest_training_image_of_a_training_image_is_itself(run: Run, dataset: Dataset) -> None:
    reference = read_reference_embeddings(run.path)
    position, similarity = reference.nearest(reference.embeddings[3], 5)[0]
    assert position == 3
    assert similarity == pytest.approx(1, abs=1e-3)
    assert _predict(run, dataset.root / reference.paths[3]).similarity is not None


def test_an_out_of_distribution_image_is_unknown(run: Run, dataset: Dataset, tmp_path: Path) -> None:
    stripes = np.zeros((32, 40, 3), dtype=np.uint8)
    stripes[:, ::2] = (0, 255, 0)
    Image.fromarray(stripes).save(tmp_path / "stripes.png")
    assert _predict(run, tmp_path / "stripes.png").decision == UNKNOWN
    in_distribution = _predict(run, dataset.root / dataset.of_split("train")[0].path)
    assert in_distribution.decision == ACCEPTED


def test_a_prediction_below_the_threshold_is_unsure(
    run: Run, dataset: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("engine.ml.evaluation.predict.choose_operating_point", lambda *_: _NeverConfident())
    prediction = _predict(run, dataset.root / dataset.of_split("train")[0].path, 0.05)
    assert prediction.decision == UNSURE
    assert prediction.label in dataset.classes


class _NeverConfident:
    threshold, is_guaranteed = 2.0, True


def test_validation_and_prediction_give_the_same_calibrated_confidence(run: Run, dataset: Dataset) -> None:
    evaluation = run_to_end(jobs.evaluate(run.model_path, dataset.root))
    image = evaluation.images[0]
    # The batch size differs, and with it the order of floating-point additions
    assert _predict(run, dataset.root / image.path).confidence == pytest.approx(image.confidence, abs=1e-5)


def test_a_stopped_run_gets_its_reference_embeddings_on_completion(dataset: Dataset, tmp_path: Path) -> None:
    work = jobs.train(dataset, CONFIG, tmp_path / "stopped")
    for event in work:
        if event.event == "epoch_done":
            break
    work.close()
    run = Run(tmp_path / "stopped")
    assert read_embeddings(run.model_path) is None
    run_to_end(jobs.finalize(run))
    assert len(read_reference_embeddings(run.path).paths) == len(dataset.of_split("train"))


def test_a_completed_run_with_a_new_best_model_is_completed_again(dataset: Dataset, tmp_path: Path) -> None:
    work = jobs.train(dataset, CONFIG, tmp_path / "stopped")
    while next(work).event != "epoch_done":
        pass
    work.close()
    run = Run(tmp_path / "stopped")
    content = run.model_path.read_bytes()
    run_to_end(jobs.finalize(run))
    run.model_path.write_bytes(content)  # like a new best model, it has no reference embeddings
    run_to_end(jobs.finalize(run))
    assert read_embeddings(run.model_path) is not None


def test_similarity_is_the_mean_cosine_to_the_three_nearest() -> None:
    embeddings = torch.randn(20, 8, generator=torch.Generator().manual_seed(0))
    cosines = sorted((l2_normalize(embeddings[:19]) @ l2_normalize(embeddings[19])).tolist(), reverse=True)
    assert mean_knn_cosine(embeddings[19:], l2_normalize(embeddings[:19])).item() == pytest.approx(
        sum(cosines[:3]) / 3, abs=1e-5
    )
