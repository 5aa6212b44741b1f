"""Exported files compared with the model on photos: `python -m benchmarks.exports`."""

import shutil
import sys
import tempfile
from pathlib import Path

import tyro

from benchmarks.calibration import open_or_train
from benchmarks.output import percent, print_header, print_row
from engine import jobs
from engine.config.settings import RunConfig
from engine.core.errors import EngineError
from engine.core.event_stream import run_to_end
from engine.data.dataset import scan
from engine.results.export_verification import ExportOptions, ExportVerification, failed_path, read_verification
from engine.runs.run_folder import Run

BACKBONES = ("se_resnet", "resnet18", "mobilenet_v2", "efficientnet_b0", "convnext_tiny", "vit_b_16", "swin_t")
FULL_TRAINING_LR = {"se_resnet": 3e-3, "resnet18": 3e-3, "efficientnet_b0": 1e-3}
"""Learning rates of the networks that fit few photos with all layers trainable."""
LAST_BLOCK_LR = {"convnext_tiny": 1e-3}
"""Learning rates of the others whose classes are otherwise so close that a rounding decides; 5e-4 for the rest."""
NUM_TRAIN, NUM_VAL = 40, 100


def main(
    shared: Path = Path("../shared"), out: Path | None = None, backbones: tuple[str, ...] = BACKBONES, size: int = 224
) -> None:
    """Export each network in each format, and print the differences.

    Args:
        shared: Folder with data/hymenoptera, data/flowers_small and weights/mobilenet_v2.pth.
        out: Folder for runs and exported files; existing runs are reused. A temporary folder by default.
        backbones: Networks to export in float32.
        size: Side in pixels of their images.
    """
    data, weights = shared.resolve() / "data", shared.resolve() / "weights" / "mobilenet_v2.pth"
    with tempfile.TemporaryDirectory() as temporary:
        folder = (out or Path(temporary)).resolve()
        folder.mkdir(parents=True, exist_ok=True)
        subset = copy_few_images(data / "hymenoptera", folder / "few")
        print_header("network", "format", "equal", "accuracy", "difference", "script", "file")
        for name in backbones:
            print_float_exports(name, train_briefly(subset, folder / name, name, size, weights))
        print_header("data", "accuracy, float", "accuracy, int8", "same class", "speed-up, one image", "file", "")
        for name, side in (("hymenoptera", 224), ("flowers_small", 128)):
            print_int8_export(name, open_or_train(data / name, folder / name, weights, side))


def copy_few_images(source: Path, target: Path) -> Path:
    """Copy NUM_TRAIN training and NUM_VAL validation images of a dataset with two classes; return `target`."""
    for split, num in (("train", NUM_TRAIN), ("val", NUM_VAL)):
        for folder in sorted(path for path in (source / split).iterdir() if path.is_dir()):
            class_folder = target / split / folder.name
            class_folder.mkdir(parents=True, exist_ok=True)
            for image in sorted(folder.glob("*.jpg"))[: num // 2]:
                shutil.copy(image, class_folder)
    return target


def train_briefly(data: Path, path: Path, backbone: str, size: int, weights: Path) -> Run:
    """Train until the network separates the classes: constant predictions would verify nothing.

    Args:
        data: Folder of the dataset.
        path: Run folder; a finished run in it is reused.
        backbone: Name of the backbone.
        size: Image size in pixels.
        weights: Weights file, used for the backbone that it is named after.
    """
    if not Run(path).results_path.is_file():
        config = RunConfig().changed("model", backbone=backbone).changed("data", image_size=size)
        if backbone in FULL_TRAINING_LR:
            config = config.changed("training", epochs=20).changed("optim", lr=FULL_TRAINING_LR[backbone])
        else:
            # With all layers trainable, the others do not fit so few photos; their last block does
            config = config.changed("training", epochs=8, mode="quick").changed(
                "optim", lr=LAST_BLOCK_LR.get(backbone, 5e-4)
            )
        if backbone == weights.stem:
            config = config.changed("model", weights=str(weights))
        config = config.changed("training", batch_size=8, label_smoothing=0)
        run_to_end(jobs.train(scan(data), config, path))
    return Run(path)


def print_float_exports(name: str, run: Run) -> None:
    """Print a row for each format in float32."""
    for options in (ExportOptions(format="onnx"), ExportOptions(format="pt2")):
        record = export_run(run, options)
        print_row(
            name,
            options.format,
            f"{record.num_equal} of {record.num_images}",
            percent(record.model_accuracy or 0),
            f"{record.max_difference:.1e}",
            "-" if record.script_num_equal is None else record.script_num_equal,
            f"{record.num_bytes / 1e6:.1f} MB",
        )


def print_int8_export(name: str, run: Run) -> None:
    """Print a row that compares int8 with float32."""
    record = export_run(run, ExportOptions(int8=True))
    print_row(
        name,
        percent(record.model_accuracy or 0, 1),
        percent(record.accuracy or 0, 1),
        f"{record.num_equal} of {record.num_images}",
        f"{record.speedup or 0:.2f}",
        f"{record.num_bytes / 1e6:.1f} MB",
        "accepted" if record.passed else "refused",
    )


def export_run(run: Run, options: ExportOptions) -> ExportVerification:
    """Export the model of a run into its folder and return the verification record, also if verification fails."""
    path = run.path / f"model{'-int8' if options.int8 else ''}.{options.format}"
    try:
        return run_to_end(jobs.export(run.model_path, path, options))
    except EngineError:
        return read_verification(failed_path(path))


if __name__ == "__main__":
    sys.exit(tyro.cli(main))
