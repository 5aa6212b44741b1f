"""`python -m benchmarks.exports`: exported files beside the program, on photos, as tables."""

import shutil
import sys
import tempfile
from pathlib import Path

import tyro

from benchmarks.__main__ import say
from benchmarks.calibration import open_or_train
from engine import jobs
from engine.config.settings import RunConfig
from engine.core.errors import EngineError
from engine.core.event_stream import run_to_end
from engine.data.dataset import scan
from engine.results.export_verification import ExportOptions, ExportVerification, failed_path, read_verification
from engine.runs.run_folder import Run

BACKBONES = ("se_resnet", "resnet18", "mobilenet_v2", "efficientnet_b0", "convnext_tiny", "vit_b_16", "swin_t")
LEARNING_FROM_NOTHING = ("se_resnet", "resnet18", "efficientnet_b0")
NUM_TRAIN, NUM_VAL = 40, 100


def main(
    shared: Path = Path("../shared"), keep: Path | None = None, backbones: tuple[str, ...] = BACKBONES, size: int = 224
) -> None:
    """Export and compare.

    Args:
        shared: Folder with data/hymenoptera, data/flowers_small and weights/mobilenet_v2.pth.
        keep: Folder for runs and files, which are used again where they are there.
        backbones: Networks to export as floats.
        size: Side in pixels of their images.
    """
    data, weights = shared.resolve() / "data", shared.resolve() / "weights" / "mobilenet_v2.pth"
    with tempfile.TemporaryDirectory() as temporary:
        folder = (keep or Path(temporary)).resolve()
        folder.mkdir(parents=True, exist_ok=True)
        small = copy_few_images(data / "hymenoptera", folder / "few")
        for name in backbones:
            floats(name, train_briefly(small, folder / name, name, size, weights))
        for name, side in (("hymenoptera", 224), ("flowers_small", 128)):
            integers(name, open_or_train(data / name, folder / name, weights, side))


def copy_few_images(source: Path, target: Path) -> Path:
    """Copy NUM_TRAIN images to learn from and NUM_VAL to measure on, as many of each class."""
    for split, num in (("train", NUM_TRAIN), ("val", NUM_VAL)):
        for folder in sorted(path for path in (source / split).iterdir() if path.is_dir()):
            place = target / split / folder.name
            place.mkdir(parents=True, exist_ok=True)
            for image in sorted(folder.glob("*.jpg"))[: num // 2]:
                shutil.copy(image, place)
    return target


def train_briefly(data: Path, path: Path, backbone: str, size: int, weights: Path) -> Run:
    """Return a run long enough that the network tells images apart: one that always says the same proves nothing."""
    if not Run(path).results_path.is_file():
        config = RunConfig().changed("model", backbone=backbone).changed("data", image_size=size)
        if backbone in LEARNING_FROM_NOTHING:
            config = config.changed("training", epochs=20).changed("optim", lr=3e-3)
        else:
            # All layers of these learn nothing from so few photos; the last block does, from what random ones give
            config = config.changed("training", epochs=8, mode="quick").changed("optim", lr=5e-4)
        if backbone == weights.stem:
            config = config.changed("model", weights=str(weights))
        config = config.changed("training", batch_size=8, label_smoothing=0)
        run_to_end(jobs.train(scan(data), config, path))
    return Run(path)


def floats(name: str, run: Run) -> None:
    """Print a line for each format."""
    for options in (ExportOptions(format="onnx"), ExportOptions(format="pt2")):
        certificate = export_run(run, options)
        script = "-" if certificate.script_num_equal is None else f"{certificate.script_num_equal}"
        equal, num_mb = f"{certificate.num_equal} of {certificate.num_images}", certificate.num_bytes / 1e6
        say(
            f"| {name} | {options.format} | {equal} | {certificate.model_accuracy:.0%} | "
            f"{certificate.max_difference:.1e} | {script} | {num_mb:.1f} MB |"
        )


def integers(name: str, run: Run) -> None:
    """Print a line of 8-bit integers beside floats."""
    certificate = export_run(run, ExportOptions(int8=True))
    say(
        f"| {name} | {certificate.model_accuracy:.1%} | {certificate.accuracy:.1%} | {certificate.num_equal} of "
        f"{certificate.num_images} | {certificate.speedup:.2f} times | {certificate.num_bytes / 1e6:.1f} MB | "
        f"{'kept' if certificate.passed else 'refused'} |"
    )


def export_run(run: Run, options: ExportOptions) -> ExportVerification:
    """Export the model of a run into its folder and return the certificate, also where it fails."""
    path = run.path / f"model{'-int8' if options.int8 else ''}.{options.format}"
    try:
        return run_to_end(jobs.export(run.model_path, path, options))
    except EngineError:
        return read_verification(failed_path(path))


if __name__ == "__main__":
    sys.exit(tyro.cli(main))
