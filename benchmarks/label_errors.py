"""`python -m benchmarks.label_errors`: flip 5 % of the labels, train on that, and see how many flips lead the queue."""

import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import tyro

from engine import jobs
from engine.audit.findings import Audit
from engine.config.settings import RunConfig
from engine.core.event_stream import run_to_end
from engine.data.dataset import Dataset, scan
from engine.data.splits import split
from engine.ml.evaluation.label_errors import find_label_issues
from engine.ml.evaluation.linear_probe import compute_embeddings, out_of_fold_probabilities

FLIPPED = 0.05
FIRST = 0.10


def main(
    shared: Path = Path("../shared"),
    data: tuple[str, ...] = ("sign_digits", "flowers_small"),
    seed: int = 0,
    keep: Path | None = None,
    quick_epochs: tuple[int, ...] = (30, 8),
) -> None:
    """Measure on each data set.

    Args:
        shared: Folder with data/NAME and weights/mobilenet_v2.pth.
        data: Names of data sets.
        seed: Of the flips.
        keep: Folder for the flipped data and the models, which are used again where they are there.
        quick_epochs: Epochs of quick mode for each data set, enough for its training to fit.
    """
    weights = shared.resolve() / "weights" / "mobilenet_v2.pth"
    with tempfile.TemporaryDirectory() as temporary:
        for name, epochs in zip(data, quick_epochs):
            folder = (keep or Path(temporary)).resolve() / name
            flips = link_flipped(scan(shared.resolve() / "data" / name, is_corrected=False), folder, seed)
            measure(name, folder, flips, weights, epochs)


def link_flipped(dataset: Dataset, folder: Path, seed: int) -> set[str]:
    """Link the images into `folder`, a share of them into another class; return the paths of those."""
    generator = np.random.default_rng(seed)
    num_images, num_classes = len(dataset.samples), len(dataset.classes)
    chosen = set(generator.permutation(num_images)[: round(FLIPPED * num_images)].tolist())
    flips = set()
    for position, sample in enumerate(dataset.samples):
        label = sample.label
        if position in chosen:
            label = int((label + generator.integers(1, num_classes)) % num_classes)
        # Files of one name lie in several classes
        path = f"{dataset.classes[label]}/{dataset.classes[sample.label].replace(' ', '')}-{Path(sample.path).name}"
        if position in chosen:
            flips.add(path)
        target = folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        if not target.exists():
            target.symlink_to((dataset.root / sample.path).resolve())
    return flips


def measure(name: str, folder: Path, flips: set[str], weights: Path, epochs: int) -> None:
    """Train where there is no model yet, then print which share of the flips leads the ranking and the queue."""
    dataset = scan(folder)
    run = folder.with_name(f"{name}-run")
    config = RunConfig().changed("model", backbone="mobilenet_v2", weights=str(weights))
    config = config.changed("training", mode="quick", epochs=epochs)
    if not (run / "model.safetensors").is_file():
        run_to_end(jobs.train(split(dataset, 0.2, 0), config, run))
    model = run / "model.safetensors"
    embeddings = run_to_end(compute_embeddings(dataset.root, dataset.samples, model))
    started = time.perf_counter()
    labels = embeddings.labels
    probabilities = out_of_fold_probabilities(embeddings.vectors, labels, len(dataset.classes))
    scores, suggested, _ = find_label_issues(probabilities, labels)
    seconds = time.perf_counter() - started
    is_flip = np.array([sample.path in flips for sample in embeddings.samples])
    first = np.argsort(-scores, kind="stable")[: round(FIRST * len(labels))]
    truth = [Path(embeddings.samples[row].path).name.split("-")[0] for row in first if is_flip[row]]
    guesses = [dataset.classes[suggested[row]].replace(" ", "") for row in first if is_flip[row]]
    num_back = sum(guess == name for guess, name in zip(guesses, truth))
    queue = run_to_end(jobs.review(dataset, model, Audit()))
    say(
        f"{name}: {len(labels)} images, {is_flip.sum()} flipped; the first {len(first)} of the ranking hold "
        f"{is_flip[first].sum() / is_flip.sum():.1%} of the flips, {num_back / max(1, len(truth)):.1%} of those with "
        f"their true class suggested; {len(queue.items)} in the queue hold "
        f"{sum(item.path in flips for item in queue.items) / is_flip.sum():.1%}; "
        f"cross-validated accuracy {queue.accuracy or 0:.3f}; {seconds:.1f} s with kept embeddings"
    )


def say(line: str) -> None:
    """Print a line of the table."""
    print(line, flush=True)  # noqa: T201


if __name__ == "__main__":
    sys.exit(tyro.cli(main))
