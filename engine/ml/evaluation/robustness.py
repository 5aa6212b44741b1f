"""Measure a model on pictures that are turned, blurred, noisy, dark, bright, compressed and small.

After Hendrycks and Dietterich, Benchmarking Neural Network Robustness to Common Corruptions, 2019, with milder levels:
they are those of phones and microscopes, not of attacks.
"""

import io
from collections.abc import Generator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torchvision.transforms.v2 import functional as F

from engine.core.errors import EngineError
from engine.core.events import Event
from engine.core.progress import Ticker
from engine.core.seeds import stable_seed
from engine.data.dataset import Sample
from engine.ml.evaluation.predict import NOT_NUMBERS
from engine.ml.loading.loader import EVAL_BATCH_SIZE, chunks_in_order, eval_loader, load_batches
from engine.ml.models.inference import Forward, make_image_forward
from engine.ml.models.model_file import load_model
from engine.ml.models.preprocessing import PAD_GREY, Preprocessing
from engine.ml.runtime.device import choose_device
from engine.ml.runtime.precision import inference_dtype
from engine.results.robustness import Broken, CorruptionKind, RobustnessReport, Trial, write_robustness
from engine.runs.run_folder import Run

MAX_IMAGES = 100
"""Seven kinds at three levels of so many images take about a quarter of a minute for a small network on two cores."""


@dataclass(frozen=True, slots=True)
class Corruption:
    """A kind of change at one strength."""

    kind: CorruptionKind
    level: float
    words: str


_LEVELS: dict[CorruptionKind, tuple[tuple[float, ...], str]] = {
    # From mild to strong
    "rotation": ((10, 30, 90), "turned by {:g}°"),
    "blur": ((1, 2, 4), "blurred over {:g} % of the side"),
    "noise": ((10, 25, 50), "with noise of {:g} of 255 grey levels"),
    "darker": ((0.75, 0.5, 0.25), "at {:g} times the light"),
    "brighter": ((1.25, 1.5, 2), "at {:g} times the light"),
    "jpeg": ((50, 20, 10), "saved as JPEG of quality {:g}"),
    "scale": ((50, 25, 12), "made smaller, to {:g} %"),
}
CORRUPTIONS = tuple(
    Corruption(kind, level, words.format(level)) for kind, (levels, words) in _LEVELS.items() for level in levels
)


def corrupt_images(images: Tensor, change: Corruption) -> Tensor:
    """Return prepared images, uint8 (N, 3, S, S), changed; always in the same way."""
    side = images.shape[2]
    match change.kind:
        case "rotation":
            fill = [float(PAD_GREY)] * 3
            return F.rotate(images, change.level, F.InterpolationMode.BILINEAR, fill=fill)  # type: ignore[no-any-return]
        case "blur":
            sigma = change.level / 100 * side
            return F.gaussian_blur(images, [_kernel_size(sigma, side)] * 2, [sigma] * 2)  # type: ignore[no-any-return]
        case "noise":
            generator = torch.Generator().manual_seed(stable_seed(0, 0))
            noise = torch.randn(images.shape, generator=generator) * change.level
            return (images + noise).round().clamp(0, 255).to(torch.uint8)
        case "darker" | "brighter":
            return F.adjust_brightness(images, change.level)  # type: ignore[no-any-return]
        case "jpeg":
            return torch.stack([_as_jpeg(image, int(change.level)) for image in images])
        case "scale":
            small = max(1, round(side * change.level / 100))
            return F.resize(F.resize(images, [small, small]), [side, side])  # type: ignore[no-any-return]


def stratified(samples: Sequence[Sample], num: int) -> list[Sample]:
    """Return at most `num` samples, classes by turns, each evenly through its images, in the order of `samples`."""
    by_class: dict[int, list[int]] = {}
    for position, sample in enumerate(samples):
        by_class.setdefault(sample.label, []).append(position)
    if len(samples) <= num:
        return list(samples)
    turns = [(rank, position) for own in by_class.values() for rank, position in enumerate(_spread(own))]
    chosen = sorted(position for _, position in sorted(turns)[:num])
    return [samples[position] for position in chosen]


def measure_robustness(run: Run) -> Generator[Event, None, RobustnessReport]:
    """Measure the run's model on at most `MAX_IMAGES` validation images, as they are and changed; write the card.

    Raises EngineError where the run has no model or none of its validation images can be read.
    """
    model, card = load_model(run.model_path)
    dataset, preprocessing, device = run.dataset, Preprocessing.from_metadata(card), choose_device("auto")
    if not set(dataset.classes) <= set(card.classes):
        raise EngineError("The model of this run and its list of images are of different classes.", run.path)
    forward = make_image_forward(model, preprocessing, device, inference_dtype(card.precision, device))
    samples = stratified(dataset.of_split("val"), MAX_IMAGES)
    batches = load_batches(chunks_in_order(samples), eval_loader(dataset.root, preprocessing))
    parts = [batch for batch in batches if batch.samples]
    if not parts:
        raise EngineError("None of the validation images of this run could be read.", dataset.root)
    images = torch.cat([batch.inputs for batch in parts])
    kept = [sample for batch in parts for sample in batch.samples]
    labels = torch.tensor([card.classes.index(dataset.classes[sample.label]) for sample in kept])
    ticker = Ticker("robustness", len(images) * (1 + len(CORRUPTIONS)))
    sure, answers = _judge(forward, images, None)
    yield from ticker.at(len(images))
    right = answers == labels
    unbroken: dict[str, Tensor] = {}
    trials = []
    for number, change in enumerate(CORRUPTIONS, start=2):
        _, changed = _judge(forward, images, change)
        candidates = unbroken.get(change.kind, right) & (changed != labels)
        unbroken[change.kind] = unbroken.get(change.kind, right) & (changed == labels)
        broken = None
        if candidates.any():
            position = int(torch.where(candidates, sure, torch.tensor(-1.0)).argmax())
            sample, taken_for = kept[position], card.classes[int(changed[position])]
            broken = Broken(path=sample.path, label=dataset.classes[sample.label], predicted=taken_for)
        trials.append(
            Trial(
                kind=change.kind,
                level=change.level,
                words=change.words,
                accuracy=_share(changed == labels),
                num_images=len(kept),
                broken=broken,
            )
        )
        yield from ticker.at(number * len(images))
    result = RobustnessReport(
        root=str(dataset.root), num_images=len(kept), accuracy=_share(right), trials=tuple(trials)
    )
    write_robustness(result, run.robustness_path)
    return result


def _judge(forward: Forward, images: Tensor, change: Corruption | None) -> tuple[Tensor, Tensor]:
    """Return how sure the network is of its answers, and the answers, both shape (N,)."""
    said = []
    with torch.inference_mode():
        for start in range(0, len(images), EVAL_BATCH_SIZE):
            batch = images[start : start + EVAL_BATCH_SIZE]
            said.append(forward(batch if change is None else corrupt_images(batch, change)).softmax(1).cpu())
    values, answers = torch.cat(said).max(1)
    if not values.isfinite().all():
        raise EngineError(NOT_NUMBERS)
    return values, answers


def _share(mask: Tensor) -> float:
    return float(mask.float().mean())


def _spread(positions: Sequence[int]) -> list[int]:
    """Return the positions so ordered that every beginning of the list lies evenly: 0, 1/2, 1/4, 3/4, 1/8, ..."""
    width = max(1, (len(positions) - 1).bit_length())
    order = [int(f"{number:0{width}b}"[::-1], 2) for number in range(2**width)]
    return [positions[number] for number in order if number < len(positions)]


def _kernel_size(sigma: float, side: int) -> int:
    # Three deviations to each side hold all but 0.3 % of a normal distribution; reflection allows less than the side
    reach = min(max(1, round(3 * sigma)), side - 1)
    return 2 * reach + 1


def _as_jpeg(image: Tensor, quality: int) -> Tensor:
    buffer = io.BytesIO()
    Image.fromarray(image.permute(1, 2, 0).contiguous().numpy()).save(buffer, "JPEG", quality=quality)
    return torch.from_numpy(np.asarray(Image.open(buffer)).copy()).permute(2, 0, 1)
