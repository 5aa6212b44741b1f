"""What a run does once its best model is known: remember what the training images look like to it."""

from collections.abc import Generator

import torch

from engine.core.events import Event
from engine.data.dataset import Dataset
from engine.ml.evaluation.open_model import open_model
from engine.ml.evaluation.out_of_distribution import choose_ood_threshold, mean_knn_cosine, write_reference_paths
from engine.ml.evaluation.stratified_subset import stratified_subset
from engine.ml.loading.feature_cache import compute_features
from engine.ml.models.model_file import save_model
from engine.ml.models.reference_embeddings import MAX_REFERENCE_IMAGES, l2_normalize
from engine.ml.runtime.device import choose_device
from engine.results.evaluation import read_evaluation, write_evaluation
from engine.results.model_metadata import read_metadata
from engine.runs.run_folder import Run


def save_reference_embeddings(run: Run, dataset: Dataset, device: torch.device) -> Generator[Event, None, None]:
    """Put embeddings of training images into the model file, and below which similarity an image is unknown."""
    model = open_model(run.model_path, device)
    metadata = model.metadata
    if metadata.calibration is None:  # stopped before its first validation, so there are no results to compare with
        return
    train, val = stratified_subset(dataset.of_split("train"), MAX_REFERENCE_IMAGES), dataset.of_split("val")
    features = yield from compute_features(
        dataset.root,
        [*train, *val],
        model.network.backbone,
        model.preprocessing,
        device,
        model.dtype,
        mirrored=False,
    )
    known, measured = features.of(train), features.of(val)
    if not known.samples or not measured.samples:
        return
    # Half precision is what the file keeps, so the bound is taken from what will be compared with
    reference = l2_normalize(l2_normalize(known.rows[:, 0]).half())
    bound = choose_ood_threshold(mean_knn_cosine(measured.rows[:, 0], reference))
    calibration = metadata.calibration.model_copy(update={"ood_threshold": bound})
    if run.results_path.is_file():
        evaluation = read_evaluation(run.results_path)
        write_evaluation(evaluation.model_copy(update={"calibration": calibration}), run.results_path)
    write_reference_paths(run, dataset.root, known.samples, metadata.classes)
    save_model(
        run.model_path, model.network, metadata.model_copy(update={"calibration": calibration}), reference.half()
    )


def finalize_stopped_run(run: Run) -> Generator[Event, None, None]:
    """Do so for a run that was stopped before; nothing where its model remembers images already."""
    calibration = read_metadata(run.model_path).calibration
    if calibration is not None and calibration.ood_threshold is None:
        yield from save_reference_embeddings(run, run.dataset, choose_device("auto"))
