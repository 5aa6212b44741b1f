"""Evaluation of a model on a folder of images or on the test split of its run."""

from collections.abc import Generator, Sequence
from pathlib import Path

from engine.core.errors import EngineError
from engine.core.events import Event, Warned
from engine.data.dataset import Sample
from engine.ml.evaluation.evaluation_samples import choose_evaluation_samples
from engine.ml.evaluation.metrics import compute_metrics
from engine.ml.evaluation.open_model import open_model
from engine.ml.evaluation.run_inference import run_inference
from engine.ml.loading.loader import chunks_in_order, eval_loader, load_batches
from engine.results.evaluation import Evaluation, read_evaluation, write_evaluation
from engine.results.model_metadata import read_metadata
from engine.runs.run_folder import Run


def evaluate_folder(model_path: Path, data: Path) -> Generator[Event, None, Evaluation]:
    """Evaluate a model file on the images that `choose_evaluation_samples` takes from a folder.

    Raises:
        EngineError: The model or the folder cannot be used, or no image can be read.
    """
    dataset, samples, warnings = choose_evaluation_samples(model_path, data)
    yield from warnings
    return (yield from _evaluate_samples(model_path, dataset.root, samples))


def evaluate_test(run: Run) -> Generator[Event, None, Evaluation]:
    """Evaluate the model of a run on its test split once and save the result; later calls return the saved result.

    A test split that is evaluated again while settings change becomes a second validation split.

    Raises:
        EngineError: The run has no test images, or its model has other classes.
    """
    if run.test_path.is_file():
        evaluation = read_evaluation(run.test_path)
        yield Warned(
            message="The test images were evaluated before; this is the saved result. A test split is used only once."
        )
        return evaluation
    dataset = run.dataset
    samples = dataset.of_split("test")
    if not samples:
        raise EngineError("The dataset of this run has no test/ folder with images of its classes.", dataset.root)
    if dataset.classes != read_metadata(run.model_path).classes:
        raise EngineError("The model of this run and its dataset have different classes. Train again.", run.path)
    evaluation = yield from _evaluate_samples(run.model_path, dataset.root, samples)
    write_evaluation(evaluation, run.test_path)
    return evaluation


def _evaluate_samples(model_path: Path, root: Path, samples: Sequence[Sample]) -> Generator[Event, None, Evaluation]:
    model = open_model(model_path)
    batches = load_batches(chunks_in_order(samples), eval_loader(root, model.preprocessing))
    predictions = yield from run_inference(batches, len(samples), model.make_logits_forward(), "validate")
    yield from (Warned(message=image.reason, path=image.path) for image in predictions.unreadable)
    return compute_metrics(predictions, root, model.metadata.classes, model.metadata.calibration)
