"""Tests of what a finished run remembers of its training images, and of the decisions that follow."""

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from engine import jobs
from engine.config.settings import RunConfig
from engine.core.event_stream import run_to_end
from engine.core.events import Event
from engine.data.dataset import Dataset, Sample, scan
from engine.data.splits import split
from engine.ml.evaluation.out_of_distribution import MOST_IMAGES, choose_samples, mean_knn_cosine, read_reference
from engine.ml.models.reference_embeddings import l2_normalize, read_embeddings
from engine.results.model_metadata import read_metadata
from engine.results.predictions import UNKNOWN, UNSURE, Prediction
from engine.runs.run_folder import Run
from tests.pictures import write_classes

CONFIG = RunConfig().changed("data", image_size=32).changed("training", epochs=3, batch_size=8, device="cpu")


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    return split(scan(write_classes(tmp_path_factory.mktemp("data") / "data", {"red": 40, "blue": 40})), 0.25, 0)


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory, dataset: Dataset) -> Run:
    path = tmp_path_factory.mktemp("reference") / "run"
    return run_to_end(jobs.train(dataset, CONFIG.changed("optim", lr=5e-3), path))


def _ask(run: Run, path: Path, max_error: float | None = None) -> Prediction:
    answers: list[Prediction] = []

    def collect(event: Event | Prediction) -> None:
        if isinstance(event, Prediction):
            answers.append(event)

    run_to_end(jobs.predict(run.model_path, [path], max_error=max_error), collect)
    return answers[0]


def test_a_finished_model_knows_its_training_images_and_its_confidences(run: Run, dataset: Dataset) -> None:
    reference = read_reference(run.path)
    train = dataset.of_split("train")
    assert reference.paths == tuple(sample.path for sample in train)
    assert reference.labels == tuple(dataset.classes[sample.label] for sample in train)
    assert torch.allclose(reference.embeddings.norm(dim=1), torch.ones(len(train)), atol=1e-5)
    calibration = read_metadata(run.model_path).calibration
    assert calibration is not None
    assert calibration.num_images == 20
    assert calibration.ood_threshold is not None


def test_the_nearest_training_image_of_a_training_image_is_itself(run: Run, dataset: Dataset) -> None:
    reference = read_reference(run.path)
    position, alike = reference.nearest(reference.embeddings[3], 5)[0]
    assert position == 3
    assert alike == pytest.approx(1, abs=1e-3)
    assert _ask(run, dataset.root / reference.paths[3]).similarity is not None


def test_an_image_like_nothing_in_training_is_unknown(run: Run, dataset: Dataset, tmp_path: Path) -> None:
    stripes = np.zeros((32, 40, 3), dtype=np.uint8)
    stripes[:, ::2] = (0, 255, 0)
    Image.fromarray(stripes).save(tmp_path / "stripes.png")
    assert _ask(run, tmp_path / "stripes.png").decision == UNKNOWN
    known = _ask(run, dataset.root / dataset.of_split("train")[0].path)
    assert known.decision == known.label


def test_an_answer_below_the_threshold_is_unsure(run: Run, dataset: Dataset, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("engine.ml.evaluation.predict.choose_threshold", lambda *_: _Never())
    answer = _ask(run, dataset.root / dataset.of_split("train")[0].path, 0.05)
    assert answer.decision == UNSURE
    assert answer.label in dataset.classes


class _Never:
    threshold, is_kept = 2.0, True


def test_validation_and_prediction_give_the_same_calibrated_confidence(run: Run, dataset: Dataset) -> None:
    evaluation = run_to_end(jobs.evaluate(run.model_path, dataset.root))
    image = evaluation.images[0]
    # In batches of other sizes floats are added up in another order
    assert _ask(run, dataset.root / image.path).confidence == pytest.approx(image.confidence, abs=1e-5)


def test_a_stopped_run_is_completed_when_asked(dataset: Dataset, tmp_path: Path) -> None:
    work = jobs.train(dataset, CONFIG, tmp_path / "stopped")
    for event in work:
        if event.event == "epoch_done":
            break
    work.close()
    run = Run(tmp_path / "stopped")
    assert read_embeddings(run.model_path) is None
    run_to_end(jobs.finalize(run))
    assert len(read_reference(run.path).paths) == len(dataset.of_split("train"))


def test_a_run_that_went_on_and_was_stopped_again_is_completed_for_its_new_model(
    dataset: Dataset, tmp_path: Path
) -> None:
    work = jobs.train(dataset, CONFIG, tmp_path / "stopped")
    while next(work).event != "epoch_done":
        pass
    work.close()
    run = Run(tmp_path / "stopped")
    content = run.model_path.read_bytes()
    run_to_end(jobs.finalize(run))
    run.model_path.write_bytes(content)  # as a new best model does
    run_to_end(jobs.finalize(run))
    assert read_embeddings(run.model_path) is not None


def test_a_large_data_set_is_thinned_evenly_and_small_classes_stay_whole() -> None:
    samples = tuple(Sample(f"{number}", 0 if number < 50 else 1 + number % 2) for number in range(6000))
    chosen = choose_samples(samples)
    counts = np.bincount([sample.label for sample in chosen])
    assert len(chosen) == MOST_IMAGES
    assert counts.tolist() == [50, 975, 975]


def test_similarity_is_the_mean_cosine_to_the_nearest_three() -> None:
    rows = torch.randn(20, 8, generator=torch.Generator().manual_seed(0))
    cosines = sorted((l2_normalize(rows[:19]) @ l2_normalize(rows[19])).tolist(), reverse=True)
    assert mean_knn_cosine(rows[19:], l2_normalize(rows[:19])).item() == pytest.approx(sum(cosines[:3]) / 3, abs=1e-5)


def test_the_test_images_are_measured_once(tmp_path: Path) -> None:
    root = tmp_path / "with test"
    for part, seed in (("train", 1), ("val", 2), ("test", 3)):
        write_classes(root / part, {"red": 6, "blue": 6}, seed=seed)
    tested = run_to_end(jobs.train(scan(root), CONFIG, tmp_path / "tested"))
    first = run_to_end(jobs.test(tested))
    assert {image.path.split("/")[0] for image in first.images} == {"test"}
    heard: list[Event] = []
    (root / "test" / "red" / "000.png").unlink()
    assert run_to_end(jobs.test(tested), heard.append) == first
    assert any("fresh only once" in getattr(event, "message", "") for event in heard)
