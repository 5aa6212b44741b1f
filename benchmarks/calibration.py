"""`python -m benchmarks.calibration`: calibration and error budgets on a held-out half, and what is unlike training."""

import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
import tyro
from torch import Tensor

from benchmarks.__main__ import say
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

NUM_HALVES = 50
NUM_STRANGERS = 200
FLOWERS = ("daisy", "dandelion", "rose", "sunflower", "tulip")


def main(shared: Path = Path("../shared"), keep: Path | None = None, max_error: float = 0.02) -> None:
    """Train on each data set and measure.

    Args:
        shared: Folder with data/NAME and weights/mobilenet_v2.pth.
        keep: Folder for the runs, which are used again where they are there.
        max_error: Share of wrong ones allowed among the answers.
    """
    data, weights = shared.resolve() / "data", shared.resolve() / "weights" / "mobilenet_v2.pth"
    with tempfile.TemporaryDirectory() as temporary:
        runs = (keep or Path(temporary)).resolve()
        for name, size in (("hymenoptera", 224), ("weather", 224), ("sign_digits", 128), ("flowers_small", 128)):
            halves(name, open_or_train(data / name, runs / name, weights, size), max_error)
        strangers(open_or_train(data / "hymenoptera", runs / "hymenoptera", weights, 224), data)
        left_out(data / "flowers_small", runs, weights)


def open_or_train(data: Path, path: Path, weights: Path, size: int) -> Run:
    """Return a run in quick mode on a folder, made where it is not there."""
    if not Run(path).reference_path.is_file():
        config = RunConfig().changed("model", backbone="mobilenet_v2", weights=str(weights))
        config = config.changed("data", image_size=size).changed("training", mode="quick", epochs=6)
        run_to_end(jobs.split_and_train(scan(data), config, path))
    return Run(path)


def seen(run: Run, paths: Sequence[Path]) -> tuple[Tensor, Tensor]:
    """Return logits (N, K) and similarities to training (N,) of image files."""
    predictor = open_predictor(run.model_path)
    assert predictor.reference is not None
    logits, alike = [], []
    samples = [Sample(str(path), 0) for path in paths]
    load = eval_loader(Path(), Preprocessing.from_metadata(predictor.metadata))
    for batch in load_batches(chunks_in_order(samples), load):
        if batch.samples:
            with torch.inference_mode():
                embeddings = predictor.embed(batch.inputs)
                logits.append(predictor.head(embeddings))
                alike.append(mean_knn_cosine(embeddings, predictor.reference))
    return torch.cat(logits).clone(), torch.cat(alike)


def halves(name: str, run: Run, max_error: float) -> None:
    """Choose temperature and threshold on one half of the validation images and measure on the other, many times."""
    dataset = run.dataset
    val = dataset.of_split("val")
    logits, _ = seen(run, [dataset.root / sample.path for sample in val])
    labels = torch.tensor([sample.label for sample in val])[: len(logits)]
    before, after, counts = [], [], []
    for seed in range(NUM_HALVES):
        order = torch.randperm(len(labels), generator=torch.Generator().manual_seed(seed))
        first, second = order.tensor_split(2)
        temperature = fit_temperature(logits[first], labels[first])
        sure = (logits / temperature).softmax(1).amax(1)
        right = (logits.argmax(1) == labels).numpy()
        before.append(calibration_error(logits[second].softmax(1).amax(1).numpy(), right[second]))
        after.append(calibration_error(sure[second].numpy(), right[second]))
        budget = choose_operating_point(coverage_curve(sure[first].numpy(), right[first]), max_error)
        answered = sure[second].numpy() >= budget.threshold
        counts.append((int((~right[second])[answered].sum()), int(answered.sum()), len(second), budget.is_guaranteed))
    fell = np.mean(np.array(after) < np.array(before))
    wrong, answered_share = np.mean([c[0] / max(1, c[1]) for c in counts]), np.mean([c[1] / c[2] for c in counts])
    inside = np.mean([wilson_interval(c[0], c[1]).low <= max_error for c in counts])
    say(
        f"{name}: {len(labels)} images, accuracy {right.mean():.3f}; calibration error on the other half "
        f"{np.mean(before):.3f} before, {np.mean(after):.3f} after, lower in {fell:.0%} of {NUM_HALVES} halvings; "
        f"budget {max_error:.0%}: {answered_share:.1%} answered, {wrong:.2%} of them wrong, the 95 % interval "
        f"not above it in {inside:.0%}; promised in {np.mean([c[3] for c in counts]):.0%}"
    )


def strangers(run: Run, data: Path) -> None:
    """Hymenoptera's validation images against images of other things."""
    dataset = run.dataset
    logits, alike = seen(run, [dataset.root / sample.path for sample in dataset.of_split("val")])
    bound = open_predictor(run.model_path).metadata.calibration
    assert bound is not None
    assert bound.ood_threshold is not None
    for name in ("flowers_small", "weather", "sign_digits"):
        paths = find_images(data / name)
        chosen = np.random.default_rng(0).permutation(len(paths))[:NUM_STRANGERS]
        others, strange = seen(run, [paths[number] for number in chosen])
        say(
            f"hymenoptera against {name}: AUROC of similarity {auroc(alike.numpy(), strange.numpy()):.4f}, of softmax "
            f"{auroc(sureness(logits), sureness(others)):.4f}; "
            f"called unknown: {(strange < bound.ood_threshold).float().mean():.1%} of these, "
            f"{(alike < bound.ood_threshold).float().mean():.1%} of its own"
        )


def left_out(data: Path, runs: Path, weights: Path) -> None:
    """Each flower left out of training in turn, against validation images of the other four."""
    gains = []
    for flower in FLOWERS:
        folder = runs / f"without {flower}"
        for other in FLOWERS:
            if other != flower and not (folder / other).exists():
                folder.mkdir(parents=True, exist_ok=True)
                (folder / other).symlink_to(data / other, target_is_directory=True)
        run = open_or_train(folder, runs / f"run without {flower}", weights, 128)
        dataset = run.dataset
        logits, alike = seen(run, [dataset.root / sample.path for sample in dataset.of_split("val")])
        others, strange = seen(run, find_images(data / flower))
        gains.append((auroc(alike.numpy(), strange.numpy()), auroc(sureness(logits), sureness(others))))
        say(f"without {flower}: AUROC of similarity {gains[-1][0]:.3f}, of softmax {gains[-1][1]:.3f}")
    ours, plain = np.mean(gains, axis=0)
    say(f"mean: similarity {ours:.3f}, softmax {plain:.3f}, gain {ours - plain:.3f}")


def sureness(logits: Tensor) -> np.ndarray:
    """Return the plain softmax confidence of each answer, (N,)."""
    return np.asarray(logits.softmax(1).amax(1))


if __name__ == "__main__":
    sys.exit(tyro.cli(main))
