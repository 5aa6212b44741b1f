"""Detection of flipped labels: `python -m benchmarks.label_errors`."""

import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import tyro

from benchmarks.output import percent, print_header, print_row
from engine import jobs
from engine.audit.findings import Audit
from engine.config.settings import RunConfig
from engine.core.event_stream import run_to_end
from engine.data.dataset import Dataset, scan
from engine.data.splits import split
from engine.ml.evaluation.label_errors import find_label_issues
from engine.ml.evaluation.linear_probe import compute_embeddings, out_of_fold_probabilities

FLIPPED_SHARE = 0.05
RANKING_SHARE = 0.10


def main(
    shared: Path = Path("../shared"),
    data: tuple[str, ...] = ("sign_digits", "flowers_small"),
    seed: int = 0,
    out: Path | None = None,
    quick_epochs: tuple[int, ...] = (30, 8),
) -> None:
    """Flip 5 % of the labels of each dataset, train on them, and print how many flips are found.

    Args:
        shared: Folder with data/NAME and weights/mobilenet_v2.pth.
        data: Names of the datasets.
        seed: Seed of the flips.
        out: Folder for the flipped data and the runs; existing runs are reused. A temporary folder by default.
        quick_epochs: Epochs of quick mode for each dataset.
    """
    weights = shared.resolve() / "weights" / "mobilenet_v2.pth"
    print_header(
        "data",
        "images",
        "flipped",
        "flips in the first 10 % of the ranking",
        "flips in the queue",
        "cross-validated accuracy",
        "seconds, embeddings cached",
    )
    with tempfile.TemporaryDirectory() as temporary:
        for name, epochs in zip(data, quick_epochs):
            folder = (out or Path(temporary)).resolve() / name
            flips = link_flipped(scan(shared.resolve() / "data" / name, is_corrected=False), folder, seed)
            print_result(name, folder, flips, train(folder, weights, epochs))


def link_flipped(dataset: Dataset, folder: Path, seed: int) -> set[str]:
    """Link the images into `folder`, a share of them into a wrong class; return the paths of those."""
    generator = np.random.default_rng(seed)
    num_images, num_classes = len(dataset.samples), len(dataset.classes)
    chosen = set(generator.permutation(num_images)[: round(FLIPPED_SHARE * num_images)].tolist())
    flips = set()
    for position, sample in enumerate(dataset.samples):
        label = sample.label
        if position in chosen:
            label = int((label + generator.integers(1, num_classes)) % num_classes)
        # The true class in the name keeps files of different classes apart that have the same name
        path = f"{dataset.classes[label]}/{dataset.classes[sample.label].replace(' ', '')}-{Path(sample.path).name}"
        if position in chosen:
            flips.add(path)
        target = folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        if not target.exists():
            target.symlink_to((dataset.root / sample.path).resolve())
    return flips


def train(folder: Path, weights: Path, epochs: int) -> Path:
    """Train on a folder of flipped labels, unless its run exists; return the path of the model."""
    run = folder.with_name(f"{folder.name}-run")
    config = RunConfig().changed("model", backbone="mobilenet_v2", weights=str(weights))
    config = config.changed("training", mode="quick", epochs=epochs)
    model = run / "model.safetensors"
    if not model.is_file():
        run_to_end(jobs.train(split(scan(folder), 0.2, 0), config, run))
    return model


def print_result(name: str, folder: Path, flips: set[str], model: Path) -> None:
    """Rank the labels, fill the review queue, and print the shares of the flips in both."""
    dataset = scan(folder)
    embeddings = run_to_end(compute_embeddings(dataset.root, dataset.samples, model))
    start = time.perf_counter()
    labels = embeddings.labels
    probabilities = out_of_fold_probabilities(embeddings.vectors, labels, len(dataset.classes))
    scores, _, _ = find_label_issues(probabilities, labels)
    seconds = time.perf_counter() - start
    is_flip = np.array([sample.path in flips for sample in embeddings.samples])
    first = np.argsort(-scores, kind="stable")[: round(RANKING_SHARE * len(labels))]
    queue = run_to_end(jobs.review(dataset, model, Audit()))
    queue_share = sum(item.path in flips for item in queue.items) / is_flip.sum()
    print_row(
        name,
        f"{len(labels):,}",
        is_flip.sum(),
        percent(is_flip[first].sum() / is_flip.sum(), 1),
        f"{percent(queue_share, 1)} in {len(queue.items):,} images",
        f"{queue.accuracy or 0:.3f}",
        f"{seconds:.1f}",
    )


if __name__ == "__main__":
    sys.exit(tyro.cli(main))
