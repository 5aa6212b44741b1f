"""Last step of a run: add reference embeddings and the OOD threshold to the best model."""

from collections.abc import Generator

import torch

from engine.core.events import Event
from engine.data.dataset import Dataset
from engine.ml.evaluation.open_model import open_model
from engine.ml.evaluation.out_of_distribution import choose_ood_threshold, mean_knn_cosine, write_reference_paths
from engine.ml.evaluation.stratified_subset import stratified_subset
from engine.ml.loading.feature_cache import compute_features
from engine.ml.models.learnt_digests import read_learnt
from engine.ml.models.model_file import save_model
from engine.ml.models.reference_embeddings import MAX_REFERENCE_IMAGES, l2_normalize, read_embeddings
from engine.ml.runtime.device import choose_device
from engine.results.evaluation import read_evaluation, write_evaluation
from engine.runs.run_folder import Run


def save_reference_embeddings(run: Run, dataset: Dataset, device: torch.device) -> Generator[Event, None, None]:
    """Store embeddings of training images in the model file, and the similarity below which an image is OOD."""
    model = open_model(run.model_path, device)
    metadata = model.metadata
    if metadata.calibration is None:  # stopped before the first validation, so there are no results to compare with
        return
    train, val = stratified_subset(dataset.of_split("train"), MAX_REFERENCE_IMAGES), dataset.of_split("val")
    features = yield from compute_features(
        dataset.root,
        [*train, *val],
        model.network.backbone,
        model.preprocessing,
        device,
        model.dtype,
    )
    train_features, val_features = features.of(train), features.of(val)
    if not train_features.samples or not val_features.samples:
        return
    # Rounded to half precision first, because prediction compares with the embeddings as the file stores them
    reference = l2_normalize(l2_normalize(train_features.rows).half())
    threshold = choose_ood_threshold(mean_knn_cosine(val_features.rows, reference))
    calibration = metadata.calibration.model_copy(update={"ood_threshold": threshold})
    if run.results_path.is_file():
        evaluation = read_evaluation(run.results_path)
        write_evaluation(evaluation.model_copy(update={"calibration": calibration}), run.results_path)
    write_reference_paths(run, dataset.root, train_features.samples, metadata.classes)
    metadata = metadata.model_copy(update={"calibration": calibration})
    save_model(run.model_path, model.network, metadata, reference.half(), read_learnt(run.model_path))


def finalize_stopped_run(run: Run) -> Generator[Event, None, None]:
    """Add reference embeddings to the model of a stopped run, if it has none yet."""
    if read_embeddings(run.model_path) is None:
        yield from save_reference_embeddings(run, run.dataset, choose_device("auto"))
