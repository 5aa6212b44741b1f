"""Tests of the last step of a run: reference embeddings and the OOD threshold in the best model."""

import shutil
from pathlib import Path

import pytest
import torch

from engine.core.event_stream import run_to_end
from engine.core.events import Event, Progress
from engine.data.dataset import Dataset, scan
from engine.data.splits import split
from engine.ml.evaluation.out_of_distribution import (
    OOD_QUANTILE,
    choose_ood_threshold,
    mean_knn_cosine,
    read_reference_embeddings,
)
from engine.ml.loading.feature_cache import compute_features
from engine.ml.models.model_file import load_model, save_model
from engine.ml.models.preprocessing import Preprocessing
from engine.ml.models.reference_embeddings import read_embeddings
from engine.ml.training.finalize import finalize_stopped_run, save_reference_embeddings
from engine.results.evaluation import read_evaluation, write_evaluation
from engine.results.model_metadata import read_metadata
from engine.runs.run_folder import Run
from tests.engine.ml.training.training_runs import TINY, fit_run, make_dataset
from tests.images import write_classes

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    root = write_classes(tmp_path_factory.mktemp("images") / "data", {"red": 28, "green": 28, "blue": 28})
    return split(scan(root), 0.25, 0)


@pytest.fixture(scope="module")
def finished(dataset: Dataset, tmp_path_factory: pytest.TempPathFactory) -> Run:
    """Return a finished run of one epoch."""
    return fit_run(dataset, TINY.changed("training", epochs=1), tmp_path_factory.mktemp("finished") / "run")[0]


@pytest.fixture
def stopped(finished: Run, tmp_path: Path) -> Run:
    """Return a copy of the run as it is when the user stops it: without reference embeddings and threshold."""
    run = Run(Path(shutil.copytree(finished.path, tmp_path / "run")))
    model, metadata = load_model(run.model_path)
    assert metadata.calibration is not None
    calibration = metadata.calibration.model_copy(update={"ood_threshold": None})
    save_model(run.model_path, model, metadata.model_copy(update={"calibration": calibration}))
    run.reference_path.unlink()
    return run


def _embed(run: Run, dataset: Dataset, split: str) -> torch.Tensor:
    """Return the embeddings of the images of a split, shape (N, D)."""
    model, metadata = load_model(run.model_path)
    samples = dataset.of_split(split)  # type: ignore[arg-type]
    preprocessing = Preprocessing.from_metadata(metadata)
    work = compute_features(dataset.root, samples, model.backbone, preprocessing, CPU, torch.float32)
    return run_to_end(work).rows


def test_the_model_file_holds_the_normalised_embeddings_of_the_training_images(finished: Run, dataset: Dataset) -> None:
    reference = read_reference_embeddings(finished.path)
    expected = torch.nn.functional.normalize(_embed(finished, dataset, "train"), dim=1)
    torch.testing.assert_close(reference.embeddings, expected, rtol=0, atol=2e-3)
    assert reference.paths == tuple(sample.path for sample in dataset.of_split("train"))
    assert reference.labels == tuple(dataset.classes[sample.label] for sample in dataset.of_split("train"))
    assert reference.root == str(dataset.root)


def test_the_threshold_marks_a_small_share_of_the_validation_images(finished: Run, dataset: Dataset) -> None:
    calibration = read_metadata(finished.model_path).calibration
    assert calibration is not None
    assert calibration.ood_threshold is not None
    embeddings = read_embeddings(finished.model_path)
    assert embeddings is not None
    similarities = mean_knn_cosine(_embed(finished, dataset, "val"), embeddings)
    assert calibration.ood_threshold == pytest.approx(similarities.quantile(OOD_QUANTILE).item(), abs=1e-4)


def test_few_validation_images_give_no_threshold() -> None:
    assert choose_ood_threshold(torch.linspace(0, 1, 19)) is None
    assert choose_ood_threshold(torch.linspace(0, 1, 20)) is not None


def test_the_results_of_a_run_get_the_calibration_with_the_threshold(stopped: Run) -> None:
    results = read_evaluation(stopped.results_path)
    write_evaluation(results.model_copy(update={"calibration": None}), stopped.results_path)
    run_to_end(finalize_stopped_run(stopped))
    calibration = read_metadata(stopped.model_path).calibration
    assert calibration is not None
    assert calibration.ood_threshold is not None
    assert read_evaluation(stopped.results_path) == results.model_copy(update={"calibration": calibration})


def test_the_rest_of_the_model_file_is_unchanged(stopped: Run, finished: Run) -> None:
    run_to_end(finalize_stopped_run(stopped))
    (old, old_metadata), (new, new_metadata) = (
        load_model(finished.path / "model.safetensors"),
        load_model(stopped.model_path),
    )
    assert all(torch.equal(old.state_dict()[name], tensor) for name, tensor in new.state_dict().items())
    assert new_metadata == old_metadata


def test_a_stopped_run_gets_its_reference_embeddings_once(stopped: Run) -> None:
    events: list[Event] = []
    run_to_end(finalize_stopped_run(stopped), events.append)
    assert {event.stage for event in events if isinstance(event, Progress)} == {"prepare"}
    assert read_reference_embeddings(stopped.path).embeddings.shape[0] == 63
    before = stopped.model_path.stat().st_mtime_ns
    run_to_end(finalize_stopped_run(stopped))
    assert stopped.model_path.stat().st_mtime_ns == before


def test_a_run_that_was_stopped_before_its_first_validation_gets_none(stopped: Run, dataset: Dataset) -> None:
    model, metadata = load_model(stopped.model_path)
    save_model(stopped.model_path, model, metadata.model_copy(update={"calibration": None}))
    run_to_end(finalize_stopped_run(stopped))
    run_to_end(save_reference_embeddings(stopped, dataset, CPU))
    assert read_embeddings(stopped.model_path) is None
    assert not stopped.reference_path.exists()


def test_a_run_without_results_gets_its_reference_embeddings_and_no_results(stopped: Run, dataset: Dataset) -> None:
    stopped.results_path.unlink()
    run_to_end(save_reference_embeddings(stopped, dataset, CPU))
    assert read_embeddings(stopped.model_path) is not None
    assert not stopped.results_path.exists()


@pytest.mark.parametrize("split", ["train", "val"])
def test_without_readable_images_of_a_split_the_model_is_unchanged(stopped: Run, tmp_path: Path, split: str) -> None:
    dataset = make_dataset(tmp_path / "data")
    for sample in dataset.of_split(split):  # type: ignore[arg-type]
        (dataset.root / sample.path).write_bytes(b"")
    run_to_end(save_reference_embeddings(stopped, dataset, CPU))
    assert read_embeddings(stopped.model_path) is None


def test_large_datasets_are_represented_by_some_images_of_each_class(
    stopped: Run, dataset: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("engine.ml.training.finalize.MAX_REFERENCE_IMAGES", 6)
    run_to_end(save_reference_embeddings(stopped, dataset, CPU))
    assert sorted(read_reference_embeddings(stopped.path).labels) == ["blue"] * 2 + ["green"] * 2 + ["red"] * 2
