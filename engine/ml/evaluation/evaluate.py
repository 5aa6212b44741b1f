"""Evaluation of a model on a folder of images or on the test split of its run."""

from collections.abc import Generator
from dataclasses import replace
from pathlib import Path

from engine.core.errors import EngineError
from engine.core.events import Event, Warned
from engine.core.time_stamps import day_of, now
from engine.ml.evaluation.evaluation_samples import EvaluationSamples, choose_evaluation_samples
from engine.ml.evaluation.learnt_from import digest_images
from engine.ml.evaluation.metrics import compute_metrics
from engine.ml.evaluation.open_model import open_model
from engine.ml.evaluation.run_inference import run_inference
from engine.ml.loading.loader import chunks_in_order, eval_loader, load_batches
from engine.results.evaluation import Evaluation, read_evaluation, write_evaluation
from engine.results.model_metadata import read_metadata
from engine.runs.image_folder import require_images
from engine.runs.run_folder import Run


def evaluate_folder(model_path: Path, data: Path) -> Generator[Event, None, Evaluation]:
    """Evaluate a model file on the images that `choose_evaluation_samples` takes from a folder.

    Raises:
        EngineError: The model or the folder cannot be used, no image can be read, or the model learnt from all of them.
    """
    chosen = yield from choose_evaluation_samples(model_path, data)
    return (yield from evaluate_samples(model_path, chosen))


def evaluate_test(run: Run) -> Generator[Event, None, Evaluation]:
    """Evaluate the model of a run on its test split once and save the result; later calls return the saved result.

    A test split that is evaluated again while settings change becomes a second validation split. Test images are those
    of the folder as it is now, without copies of training and validation images.

    Raises:
        EngineError: The run has no test images, its images are missing, or its model has other classes.
    """
    if run.test_path.is_file():
        evaluation = read_evaluation(run.test_path)
        yield Warned(
            message="The test images were evaluated before; this is the result of "
            f"{day_of(evaluation.evaluated, run.test_path)}. A test split is used only once."
        )
        return evaluation
    if not run.dataset.of_split("test"):
        raise EngineError("The dataset of this run has no test/ folder with images of its classes.", run.dataset.root)
    dataset = require_images(run)
    if dataset.classes != read_metadata(run.model_path).classes:
        raise EngineError("The model of this run and its dataset have different classes. Train again.", run.path)
    # Validation images chose the best epoch, so copies of them are no test either
    val = yield from digest_images(replace(dataset, samples=dataset.of_split("val")))
    chosen = yield from choose_evaluation_samples(run.model_path, dataset.root, "test", val)
    evaluation = yield from evaluate_samples(run.model_path, chosen)
    write_evaluation(evaluation, run.test_path)
    return evaluation


def evaluate_samples(model_path: Path, chosen: EvaluationSamples) -> Generator[Event, None, Evaluation]:
    """Evaluate a model file on chosen images; raise EngineError if none can be read."""
    model, samples = open_model(model_path), chosen.samples
    batches = load_batches(chunks_in_order(samples), eval_loader(chosen.root, model.preprocessing))
    predictions = yield from run_inference(batches, len(samples), model.make_logits_forward(), "validate")
    yield from (Warned(message=image.reason, path=image.path) for image in predictions.unreadable)
    evaluation = compute_metrics(predictions, chosen.root, model.metadata.classes, model.metadata.calibration)
    return evaluation.model_copy(update={"evaluated": now(), "num_left_out": chosen.num_left_out})
