"""Let a network judge images and turn its answers into figures."""

from collections.abc import Generator, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from engine.core.errors import EngineError
from engine.core.events import Event, Progress, Scores, Stage, Warned
from engine.core.progress import Ticker
from engine.data.dataset import Dataset, Sample, scan
from engine.data.splits import read_split
from engine.ml.loading.loader import Batch, chunks_in_order, eval_loader, load_batches
from engine.ml.models.inference import Forward, make_image_forward
from engine.ml.models.model_file import load_model
from engine.ml.models.preprocessing import Preprocessing
from engine.ml.runtime.device import choose_device
from engine.ml.runtime.errors import DivergedError
from engine.ml.runtime.precision import inference_dtype
from engine.results.calibration import Calibration
from engine.results.confusion_matrix import class_results, confusion_matrix
from engine.results.evaluation import (
    Evaluation,
    ImageResult,
    Unreadable,
    read_evaluation,
    write_evaluation,
)
from engine.results.model_metadata import read_metadata
from engine.runs.run_folder import Run


@dataclass(frozen=True, slots=True)
class Predictions:
    """What the network said of the readable ones among some samples."""

    samples: tuple[Sample, ...]
    logits: Tensor
    """Shape (N, K), float32, on the CPU."""
    unreadable: tuple[Unreadable, ...] = ()

    @classmethod
    def merged(cls, parts: Sequence["Predictions"]) -> "Predictions":
        """Return what several processes judged, in the order of the paths."""
        if len(parts) == 1:
            return parts[0]
        samples = [sample for part in parts for sample in part.samples]
        order = sorted(range(len(samples)), key=lambda position: samples[position].path)
        logits = torch.cat([part.logits for part in parts if part.samples])
        unreadable = tuple(image for part in parts for image in part.unreadable)
        return cls(tuple(samples[position] for position in order), logits[order], unreadable)

    @property
    def labels(self) -> Tensor:
        """True classes, shape (N,)."""
        return torch.tensor([sample.label for sample in self.samples], dtype=torch.int64)

    @property
    def scores(self) -> Scores:
        """Cross-entropy and accuracy; raises EngineError where no image could be read or the network is broken."""
        if not self.samples:
            raise EngineError("None of the images to measure on could be read.")
        loss = nn.functional.cross_entropy(self.logits, self.labels).item()
        if not np.isfinite(loss):
            raise DivergedError("The network's answers are no longer numbers. Train again with a lower learning rate.")
        accuracy = (self.logits.argmax(1) == self.labels).float().mean().item()
        return Scores(loss=loss, accuracy=accuracy)


def run_inference(
    batches: Iterable[Batch],
    num_samples: int,
    forward: Forward,
    stage: Stage,
    epoch: int | None = None,
) -> Generator[Progress, None, Predictions]:
    """Run all batches through `forward`, without gradients."""
    ticker = Ticker(stage, num_samples, epoch)
    samples: list[Sample] = []
    unreadable: list[Unreadable] = []
    outputs: list[Tensor] = []
    for batch in batches:
        samples += batch.samples
        unreadable += batch.unreadable
        if batch.samples:
            with torch.inference_mode():
                outputs.append(forward(batch.inputs).float().cpu())
        yield from ticker.at(len(samples) + len(unreadable))
    return Predictions(tuple(samples), torch.cat(outputs) if outputs else torch.empty(0, 0), tuple(unreadable))


def compute_metrics(
    judged: Predictions, root: Path, classes: tuple[str, ...], calibration: Calibration | None
) -> Evaluation:
    """Turn what the network said into all figures, its confidences calibrated."""
    scores = judged.scores
    temperature = calibration.temperature if calibration else 1.0
    truth, probabilities = judged.labels.numpy(), (judged.logits / temperature).softmax(1)
    confidences, predicted = (tensor.numpy() for tensor in probabilities.max(1))
    top5 = judged.logits.topk(min(5, len(classes)), dim=1).indices.numpy()
    confusion = confusion_matrix(truth, predicted, len(classes))
    images = (
        ImageResult(
            path=sample.path, label=classes[sample.label], predicted=classes[guess], confidence=float(confidence)
        )
        for sample, guess, confidence in zip(judged.samples, predicted, confidences)
    )
    return Evaluation(
        root=str(root.absolute()),
        classes=classes,
        loss=scores.loss,
        accuracy=scores.accuracy,
        top5=float((top5 == truth[:, None]).any(1).mean()),
        confusion=confusion,
        per_class=class_results(confusion, classes),
        images=tuple(images),
        unreadable=judged.unreadable,
        calibration=calibration,
    )


def evaluate_folder(model_path: Path, data: Path) -> Generator[Event, None, Evaluation]:
    """Judge the model in a file on the validation images of a folder, or on all where it has no split.

    Where the folder is the one the model was trained on and was split by the run, the run's own split is used, so that
    no image is counted that the model has learnt from. Classes are matched by name. Raises EngineError where the model
    or the folder cannot be used.
    """
    dataset, samples, warnings = samples_to_measure(model_path, data)
    yield from warnings
    return (yield from _judge_samples(model_path, dataset.root, samples))


def samples_to_measure(model_path: Path, data: Path) -> tuple[Dataset, list[Sample], list[Warned]]:
    """Return a folder as `evaluate_folder` takes it, the images to measure on with the model's labels, and warnings."""
    card = read_metadata(model_path)
    dataset = _split_of_run(model_path, data) or scan(data)
    return dataset, *_match_by_name(dataset, card.classes)


def evaluate_test(run: Run) -> Generator[Event, None, Evaluation]:
    """Judge the model of a run on the test images of its folder, and keep the result: it is given again when asked.

    A test that is looked at again and again while settings change is a second validation. Raises EngineError where
    there are no test images.
    """
    if run.test_path.is_file():
        evaluation = read_evaluation(run.test_path)
        yield Warned(message="The test images were measured before; this is that result. A test is fresh only once.")
        return evaluation
    dataset = run.dataset
    samples = dataset.of_split("test")
    if not samples:
        raise EngineError("The folder of this run has no test/ with images of its classes.", dataset.root)
    if dataset.classes != read_metadata(run.model_path).classes:
        raise EngineError("The model of this run and its list of images are of different classes.", run.path)
    evaluation = yield from _judge_samples(run.model_path, dataset.root, samples)
    write_evaluation(evaluation, run.test_path)
    return evaluation


def _judge_samples(model_path: Path, root: Path, samples: Sequence[Sample]) -> Generator[Event, None, Evaluation]:
    model, card = load_model(model_path)
    device, preprocessing = choose_device("auto"), Preprocessing.from_metadata(card)
    batches = load_batches(chunks_in_order(samples), eval_loader(root, preprocessing))
    forward = make_image_forward(model, preprocessing, device, inference_dtype(card.precision, device))
    judged = yield from run_inference(batches, len(samples), forward, "validate")
    yield from (Warned(message=image.reason, path=image.path) for image in judged.unreadable)
    return compute_metrics(judged, root, card.classes, card.calibration)


def _split_of_run(model_path: Path, data: Path) -> Dataset | None:
    split_path = model_path.parent / "split.json"
    if not split_path.is_file():
        return None
    dataset = read_split(split_path)
    return dataset if dataset.root.resolve() == data.resolve() else None


def _match_by_name(dataset: Dataset, classes: tuple[str, ...]) -> tuple[list[Sample], list[Warned]]:
    labels = {name: label for label, name in enumerate(classes)}
    chosen = dataset.of_split("val") or dataset.samples
    samples = [
        replace(sample, label=labels[dataset.classes[sample.label]])
        for sample in chosen
        if dataset.classes[sample.label] in labels
    ]
    unknown = [name for name in dataset.classes if name not in labels]
    if not samples:
        raise EngineError(
            f"The model knows {', '.join(classes[:5])}, and no folder here has one of these names.", dataset.root
        )
    return samples, [Warned(message=f"Class '{name}' is left out: the model does not know it.") for name in unknown]
