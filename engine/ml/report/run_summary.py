"""Summary table of a run: data, network, device, duration and versions."""

import platform

import torch

from engine.config.settings import RunConfig
from engine.config.weight_origin import describe_weights
from engine.core.formatting import duration, percent
from engine.core.paths import folder_name
from engine.data.dataset import Dataset
from engine.data.folders.split_names import is_split_by_folders
from engine.results.imbalance import CRITERION_TEXTS
from engine.results.model_metadata import ModelMetadata
from engine.runs.history import History


def summarize_run(
    metadata: ModelMetadata, config: RunConfig, dataset: Dataset, history: History
) -> list[tuple[str, str]]:
    """Return pairs of a label and a value; values that are not available are left out."""
    started, done = history.started, history.done
    sizes = ", ".join(
        f"{len(samples):,} {name}"
        for name, samples in (
            ("training", dataset.of_split("train")),
            ("validation", dataset.of_split("val")),
            ("test", dataset.of_split("test")),
        )
        if samples
    )
    rows = [
        ("Dataset", folder_name(dataset.root)),
        ("Images", sizes),
        ("Classes", str(len(dataset.classes))),
        ("Split", _describe_split(dataset, config)),
        ("Backbone", metadata.backbone),
        ("Started from", _describe_start(metadata, config.model.weights)),
        ("Image size", f"{metadata.image_size} px"),
        ("Epochs", _describe_epochs(history)),
        ("Seed", str(config.training.seed)),
        ("Device", f"{started.device}, {started.precision}" if started else ""),
        ("Duration", duration(done.seconds) + (", stopped by the user" if done.stopped else "") if done else ""),
        ("Model created", metadata.created.replace("T", " ").replace("+00:00", " UTC")),
        ("Versions", f"model: Classifold {metadata.program}; report: {_versions()}"),
    ]
    return [(label, value) for label, value in rows if value]


def _describe_epochs(history: History) -> str:
    best = history.best
    return f"{len(history.epochs)}, best: epoch {best.epoch} ({CRITERION_TEXTS[best.criterion]})" if best else ""


def _describe_start(metadata: ModelMetadata, weights: str) -> str:
    file = describe_weights(metadata.backbone, weights)  # of a path only the name, because it can be private
    return file if file == metadata.origin else f"{file}, which started from {metadata.origin}"


def _versions() -> str:
    return f"torch {torch.__version__}, Python {platform.python_version()} on {platform.system()}"


def _describe_split(dataset: Dataset, config: RunConfig) -> str:
    if is_split_by_folders([(sample.path, sample.split) for sample in dataset.samples]):
        return "by the folders of the dataset"
    share = percent(config.data.val_fraction)
    duplicates = ", duplicates on the same side" if config.data.group_duplicates else ""
    groups = f", groups of photos: {dataset.grouping}" if dataset.grouping else ""
    return f"{share} of each class for validation, seed {config.data.seed}{duplicates}{groups}"
