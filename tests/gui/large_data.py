"""A dataset, runs and predictions as large as the window must handle, without files of images."""

import time
from collections.abc import Generator
from pathlib import Path

import numpy as np

from engine.audit.findings import Audit, DuplicateGroup, Outlier
from engine.data.dataset import Dataset, Sample
from engine.results.confusion_matrix import class_results, confusion_matrix
from engine.results.evaluation import Evaluation, ImageResult, Unreadable, write_evaluation
from engine.results.predictions import Prediction
from engine.runs.run_folder import Run
from tests.event_logs import epoch_done, make_run
from tests.scratch_config import scratch_config

NUM_EPOCHS = 1000


def class_names(num_classes: int) -> tuple[str, ...]:
    """Return names of 60 letters."""
    return tuple(
        f"{number:04} {'species of the family and genus in latin words'.ljust(55, 'x')}"
        for number in range(num_classes)
    )


def make_dataset(root: Path, num_classes: int, num_images: int) -> Dataset:
    """Return a dataset of images that do not exist."""
    names = class_names(num_classes)
    samples = tuple(Sample(f"{names[n % num_classes]}/{n:06}.jpg", n % num_classes) for n in range(num_images))
    return Dataset(root, names, tuple(sorted(samples, key=lambda sample: sample.path)))


def make_audit(dataset: Dataset) -> Audit:
    """Return findings about many images: one group of copies in ten of them, and outliers."""
    paths = [sample.path for sample in dataset.samples]
    groups = tuple(
        DuplicateGroup(paths=tuple(paths[start : start + 2]), kind="exact", is_conflict=False, crosses_splits=False)
        for start in range(0, len(paths) - 1, 10)
    )
    outliers = tuple(Outlier(path=path, kind="blurred", reason="It is blurred.") for path in paths[::20])
    unreadable = tuple(Unreadable(path=path, reason="This file is empty.") for path in paths[5::100])
    return Audit(duplicates=groups, outliers=outliers, unreadable=unreadable, imbalance=5.0)


def make_evaluation(dataset: Dataset, seed: int) -> Evaluation:
    """Return an evaluation of all images, half of them misclassified."""
    generator = np.random.default_rng(seed)
    labels = np.array([sample.label for sample in dataset.samples])
    wrong = generator.integers(0, len(dataset.classes), len(labels))
    predicted = np.where(generator.random(len(labels)) < 0.5, labels, wrong)
    confidences = generator.random(len(labels)).tolist()
    matrix = confusion_matrix(labels, predicted, len(dataset.classes))
    images = tuple(
        ImageResult(
            path=sample.path,
            label=dataset.classes[sample.label],
            predicted=dataset.classes[guess],
            confidence=confidence,
        )
        for sample, guess, confidence in zip(dataset.samples, predicted.tolist(), confidences)
    )
    accuracy = float((labels == predicted).mean())
    rows = class_results(matrix, dataset.classes)
    return Evaluation(
        root=str(dataset.root), classes=dataset.classes, loss=1.0, accuracy=accuracy, top5=accuracy,
        confusion=matrix, per_class=rows, images=images,
    )  # fmt: skip


def make_runs(root: Path, dataset: Dataset, num_runs: int) -> list[Run]:
    """Write runs of many epochs on a small folder; the first two have an evaluation of all images of `dataset`."""
    epochs = [epoch_done(number, NUM_EPOCHS) for number in range(1, NUM_EPOCHS + 1)]
    runs = [make_run(root, f"{root.name} {number}", *epochs, config=scratch_config()) for number in range(num_runs)]
    for seed, run in enumerate(runs[:2]):
        write_evaluation(make_evaluation(dataset, seed), run.results_path)
        run.model_path.write_bytes(b"")
    return runs


def predict_many(num_images: int, names: tuple[str, ...]) -> Generator[Prediction, None, int]:
    """Yield predictions of images that do not exist."""
    for number in range(num_images):
        top = ((names[number % len(names)], 0.2 + (number * 7919 % 997) / 1300), (names[0], 0.1))
        yield Prediction(f"/images/{number:06}.jpg", top)
        if number % 500 == 499:
            time.sleep(0.05)  # faster than any network
    return num_images
