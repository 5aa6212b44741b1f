"""Folders of images with random labels, a run that learnt them by heart, and what people do to both afterwards."""

import random
import shutil
from collections.abc import Callable
from pathlib import Path

from PIL import Image

from engine import jobs
from engine.config.settings import RunConfig
from engine.core.event_stream import run_to_end
from engine.data.dataset import scan
from engine.data.label_overrides import append_decision
from engine.ml.models.model_file import load_model, save_model
from engine.runs.run_folder import Run
from tests.images import draw_scene
from tests.scratch_config import scratch_config

CLASSES = ("heads", "tails")
NUM_IMAGES = 80
LABEL_SEED = 700_000
"""Gives a run whose accuracy is near one half, so that chance and the choice of the best epoch do not fail a test."""
CONFIG = (
    scratch_config()
    .changed("data", image_size=32, val_fraction=0.3)
    .changed("model", dropout=0.0)
    .changed("augment", crop_scale=1.0, horizontal_flip=0.0, brightness=0.0, contrast=0.0, saturation=0.0)
    .changed("training", epochs=12, batch_size=8, device="cpu", precision="float32", label_smoothing=0.0)
    .changed("optim", lr=3e-3)
)


def draw(root: Path, numbers: range) -> None:
    """Draw scenes with random labels: `numbers` are their seeds."""
    generator = random.Random(numbers.start + LABEL_SEED)
    for number in numbers:
        folder = root / CLASSES[generator.randrange(2)]
        folder.mkdir(parents=True, exist_ok=True)
        draw_scene(number, (48, 40)).save(folder / f"{number}.jpg", quality=95)


def train(root: Path, path: Path, config: RunConfig = CONFIG) -> Run:
    """Train on a folder and return the run."""
    return run_to_end(jobs.split_and_train(scan(root), config, path))


class Setting:
    """A folder of images with random labels, and a run that learnt its training images by heart."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.data, self.run = folder / "data", Run(folder / "run")

    @property
    def model(self) -> Path:
        """The model of the run."""
        return self.run.model_path

    @property
    def images(self) -> list[Path]:
        """All images."""
        return sorted(path for path in self.data.rglob("*") if path.suffix in (".jpg", ".png"))

    def retrain(self, name: str, **data: object) -> Run:
        """Train from the model of the run, with other settings of the data."""
        config = CONFIG.changed("model", weights=str(self.model)).changed("training", epochs=2).changed("data", **data)
        return train(self.data, self.folder / name, config)


def move_data(setting: Setting) -> None:
    """Rename the folder of images."""
    setting.data = setting.data.rename(setting.folder / "elsewhere")


def copy_data(setting: Setting) -> None:
    """Copy the folder of images."""
    setting.data = Path(shutil.copytree(setting.data, setting.folder / "copy"))


def move_model(setting: Setting) -> None:
    """Copy the model without its run."""
    target = setting.folder / "models" / "mine.safetensors"
    target.parent.mkdir()
    setting.model.rename(target)
    setting.run = Run(target.parent)
    target.rename(setting.model)


def move_both(setting: Setting) -> None:
    """Move images and model."""
    move_model(setting)
    move_data(setting)


def rename_images(setting: Setting) -> None:
    """Rename every image."""
    for number, path in enumerate(setting.images):
        path.rename(path.with_name(f"photo {number}{path.suffix}"))


def resave_as_png(setting: Setting) -> None:
    """Convert every image to PNG."""
    for path in setting.images:
        Image.open(path).save(path.with_suffix(".png"))
        path.unlink()


def resave_as_jpeg(setting: Setting) -> None:
    """Write every image again at a lower quality."""
    for path in setting.images:
        Image.open(path).save(path, quality=80)


def enlarge(setting: Setting) -> None:
    """Write every image at twice its size."""
    for path in setting.images:
        image = Image.open(path)
        image.resize((2 * image.width, 2 * image.height), Image.Resampling.BICUBIC).save(path, quality=95)


def add_exif(setting: Setting) -> None:
    """Write a comment into every file, so that its bytes change but not its pixels."""
    for path in setting.images:
        content = path.read_bytes()
        path.write_bytes(content[:2] + b"\xff\xfe\x00\x07hello" + content[2:])


def add_new_images(setting: Setting) -> None:
    """Add images that the model has not learnt from."""
    draw(setting.data, range(1000, 1030))


def correct_labels(setting: Setting) -> None:
    """Relabel every fifth image."""
    for sample in setting.run.dataset.samples[::5]:
        append_decision(setting.data, sample.path, "relabel", CLASSES[1 - sample.label])


def exclude_images(setting: Setting) -> None:
    """Exclude every fifth image."""
    for sample in setting.run.dataset.samples[::5]:
        append_decision(setting.data, sample.path, "exclude")


def swap_classes(setting: Setting) -> None:
    """Move images into the other class folder; those that were learnt stay known."""
    for path in setting.images[::3]:
        other = CLASSES[1 - CLASSES.index(path.parent.name)]
        path.rename(setting.data / other / f"moved {path.name}")


def add_subfolders(setting: Setting) -> None:
    """Move the images of each class into a subfolder."""
    for path in setting.images:
        (path.parent / "2026").mkdir(exist_ok=True)
        path.rename(path.parent / "2026" / path.name)


def take_a_part(setting: Setting) -> None:
    """Delete every second image."""
    for path in setting.images[::2]:
        path.unlink()


def repeat_images(setting: Setting) -> None:
    """Copy every image within its class."""
    for path in setting.images:
        shutil.copy(path, path.with_name(f"again {path.name}"))


def make_own_val(setting: Setting) -> None:
    """Copy training images into a folder val/."""
    target = setting.folder / "own"
    for path in setting.images:
        for part in ("train", "val"):
            copy = target / part / path.parent.name / path.name
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(path, copy)
    setting.data = target


def link_images(setting: Setting) -> None:
    """Make a folder of links to the images."""
    target = setting.folder / "links"
    for path in setting.images:
        (target / path.parent.name).mkdir(parents=True, exist_ok=True)
        (target / path.parent.name / f"link {path.name}").symlink_to(path)
    setting.data = target


def forget_digests(setting: Setting) -> None:
    """Make the model one of an older version, which knows its images by its run only."""
    save_model(setting.model, *load_model(setting.model))


ARRANGEMENTS: list[Callable[[Setting], None]] = [
    move_data,
    copy_data,
    move_model,
    move_both,
    rename_images,
    resave_as_png,
    resave_as_jpeg,
    enlarge,
    add_exif,
    add_new_images,
    correct_labels,
    exclude_images,
    swap_classes,
    add_subfolders,
    take_a_part,
    repeat_images,
    make_own_val,
    link_images,
    forget_digests,
]
