"""Calibration, maximum error rate and out-of-distribution detection: `python -m benchmarks.calibration`."""

import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
import tyro
from torch import Tensor

from benchmarks.output import percent, print_header, print_row
from engine import jobs
from engine.config.settings import RunConfig
from engine.core.event_stream import run_to_end
from engine.data.dataset import Sample, find_images, scan
from engine.ml.evaluation.out_of_distribution import mean_knn_cosine
from engine.ml.evaluation.predict import open_predictor
from engine.ml.evaluation.temperature import fit_temperature
from engine.ml.loading.loader import chunks_in_order, eval_loader, load_batches
from engine.ml.models.preprocessing import Preprocessing
from engine.results.calibration import calibration_error, choose_operating_point, coverage_curve
from engine.results.statistics import auroc, wilson_interval
from engine.runs.run_folder import Run

NUM_HALVINGS = 50
NUM_OOD_IMAGES = 200
FLOWERS = ("daisy", "dandelion", "rose", "sunflower", "tulip")


def main(shared: Path = Path("../shared"), out: Path | None = None, max_error: float = 0.02) -> None:
    """Train on each dataset and print the three tables.

    Args:
        shared: Folder with data/NAME and weights/mobilenet_v2.pth.
        out: Folder for the runs; existing runs are reused. A temporary folder by default.
        max_error: Maximum error rate (0..1) among the images that are decided.
    """
    data, weights = shared.resolve() / "data", shared.resolve() / "weights" / "mobilenet_v2.pth"
    with tempfile.TemporaryDirectory() as temporary:
        runs = (out or Path(temporary)).resolve()
        print_header(
            "data",
            "images",
            "accuracy",
            "calibration error before",
            "after",
            "lower in",
            "decided at this error rate",
            "wrong among these",
            f"95 % interval of that not above {percent(max_error)} in",
        )
        for name, size in (("hymenoptera", 224), ("weather", 224), ("sign_digits", 128), ("flowers_small", 128)):
            print_calibration(name, open_or_train(data / name, runs / name, weights, size), max_error)
        print_other_datasets(open_or_train(data / "hymenoptera", runs / "hymenoptera", weights, 224), data)
        print_classes_left_out(data / "flowers_small", runs, weights)


def open_or_train(data: Path, path: Path, weights: Path, size: int) -> Run:
    """Return the run in a folder; train it in quick mode if it does not exist.

    Args:
        data: Folder of the dataset.
        path: Run folder.
        weights: Weights file of MobileNetV2.
        size: Image size in pixels.
    """
    if not Run(path).reference_path.is_file():
        config = RunConfig().changed("model", backbone="mobilenet_v2", weights=str(weights))
        config = config.changed("data", image_size=size).changed("training", mode="quick", epochs=6)
        run_to_end(jobs.split_and_train(scan(data), config, path))
    return Run(path)


def logits_and_similarities(run: Run, paths: Sequence[Path]) -> tuple[Tensor, Tensor]:
    """Return logits (N, K) and mean cosine similarities to the nearest training images (N,) of image files."""
    predictor = open_predictor(run.model_path)
    assert predictor.reference is not None
    logits, similarities = [], []
    samples = [Sample(str(path), 0) for path in paths]
    load = eval_loader(Path(), Preprocessing.from_metadata(predictor.metadata))
    for batch in load_batches(chunks_in_order(samples), load):
        if batch.samples:
            with torch.inference_mode():
                embeddings = predictor.embed(batch.inputs)
                logits.append(predictor.head(embeddings))
                similarities.append(mean_knn_cosine(embeddings, predictor.reference))
    return torch.cat(logits).clone(), torch.cat(similarities)


def print_calibration(name: str, run: Run, max_error: float) -> None:
    """Fit temperature and threshold on one half of the validation images and measure on the other, repeatedly."""
    dataset = run.dataset
    val = dataset.of_split("val")
    logits, _ = logits_and_similarities(run, [dataset.root / sample.path for sample in val])
    labels = torch.tensor([sample.label for sample in val])[: len(logits)]
    is_right = (logits.argmax(1) == labels).numpy()
    before, after, counts = [], [], []
    for seed in range(NUM_HALVINGS):
        order = torch.randperm(len(labels), generator=torch.Generator().manual_seed(seed))
        first, second = order.tensor_split(2)
        temperature = fit_temperature(logits[first], labels[first])
        confidences = (logits / temperature).softmax(1).amax(1)
        before.append(calibration_error(softmax_confidences(logits[second]), is_right[second]))
        after.append(calibration_error(confidences[second].numpy(), is_right[second]))
        curve = coverage_curve(confidences[first].numpy(), is_right[first])
        point = choose_operating_point(curve, max_error)
        is_decided = confidences[second].numpy() >= point.threshold
        num_wrong = int((~is_right[second])[is_decided].sum())
        counts.append((num_wrong, int(is_decided.sum()), len(second), point.is_guaranteed))
    wrong, decided = np.mean([c[0] / max(1, c[1]) for c in counts]), np.mean([c[1] / c[2] for c in counts])
    print_row(
        name,
        len(labels),
        f"{is_right.mean():.3f}",
        f"{np.mean(before):.3f}",
        f"{np.mean(after):.3f}",
        percent(float(np.mean(np.array(after) < np.array(before)))),
        percent(float(decided), 1) + ("" if any(c[3] for c in counts) else ", not guaranteed"),
        percent(float(wrong), 2),
        percent(float(np.mean([wilson_interval(c[0], c[1]).low <= max_error for c in counts]))),
    )


def print_other_datasets(run: Run, data: Path) -> None:
    """Compare the validation images of hymenoptera with images of other datasets."""
    dataset = run.dataset
    logits, similarities = logits_and_similarities(
        run, [dataset.root / sample.path for sample in dataset.of_split("val")]
    )
    calibration = open_predictor(run.model_path).metadata.calibration
    assert calibration is not None
    threshold = calibration.ood_threshold
    assert threshold is not None
    print_header("out-of-distribution images", "AUROC of similarity", "of softmax", "marked unknown")
    for name in ("flowers_small", "weather", "sign_digits"):
        paths = find_images(data / name)
        chosen = np.random.default_rng(0).permutation(len(paths))[:NUM_OOD_IMAGES]
        ood_logits, ood_similarities = logits_and_similarities(run, [paths[number] for number in chosen])
        print_row(
            name,
            f"{auroc(similarities.numpy(), ood_similarities.numpy()):.3f}",
            f"{auroc(softmax_confidences(logits), softmax_confidences(ood_logits)):.3f}",
            percent(float((ood_similarities < threshold).float().mean()), 1),
        )
    own_share = float((similarities < threshold).float().mean())
    print_row("validation images of hymenoptera itself", "", "", percent(own_share, 1))


def print_classes_left_out(data: Path, runs: Path, weights: Path) -> None:
    """Leave each flower out of training in turn, and compare it with validation images of the other four."""
    print_header("class left out", "AUROC of similarity", "of softmax")
    rows = []
    for flower in FLOWERS:
        folder = runs / f"without {flower}"
        for other in FLOWERS:
            if other != flower and not (folder / other).exists():
                folder.mkdir(parents=True, exist_ok=True)
                (folder / other).symlink_to(data / other, target_is_directory=True)
        run = open_or_train(folder, runs / f"run without {flower}", weights, 128)
        dataset = run.dataset
        logits, similarities = logits_and_similarities(
            run, [dataset.root / sample.path for sample in dataset.of_split("val")]
        )
        ood_logits, ood_similarities = logits_and_similarities(run, find_images(data / flower))
        of_similarity = auroc(similarities.numpy(), ood_similarities.numpy())
        rows.append((of_similarity, auroc(softmax_confidences(logits), softmax_confidences(ood_logits))))
        print_row(flower, *(f"{value:.3f}" for value in rows[-1]))
    print_row("mean", *(f"{value:.3f}" for value in np.mean(rows, axis=0)))


def softmax_confidences(logits: Tensor) -> np.ndarray:
    """Return the uncalibrated confidence (0..1) of each prediction, shape (N,), for logits (N, K)."""
    return np.asarray(logits.softmax(1).amax(1))


if __name__ == "__main__":
    sys.exit(tyro.cli(main))
