"""Choice of the images that a model is evaluated on, with classes matched by name."""

from dataclasses import replace
from pathlib import Path

from engine.core.errors import EngineError
from engine.core.events import Warned
from engine.data.dataset import Dataset, Sample, scan
from engine.data.splits import read_split
from engine.results.model_metadata import read_metadata

_MAX_NAMES = 5


def choose_evaluation_samples(model_path: Path, data: Path) -> tuple[Dataset, list[Sample], list[Warned]]:
    """Return the folder as a dataset, the images to evaluate on, and warnings about classes the model does not have.

    The images are the validation images, or all images if the folder has no validation split. If the model's run was
    trained on this folder, the run's own split is used, so that no training image is counted. The label of each sample
    is the index of its class in the model.

    Raises:
        EngineError: The model or the folder cannot be used, or they have no class name in common.
    """
    metadata = read_metadata(model_path)
    dataset = _split_of_run(model_path, data) or scan(data)
    return dataset, *_match_classes(dataset, metadata.classes)


def _split_of_run(model_path: Path, data: Path) -> Dataset | None:
    split_path = model_path.parent / "split.json"
    if not split_path.is_file():
        return None
    dataset = read_split(split_path)
    return dataset if dataset.root.resolve() == data.resolve() else None


def _match_classes(dataset: Dataset, classes: tuple[str, ...]) -> tuple[list[Sample], list[Warned]]:
    labels = {name: label for label, name in enumerate(classes)}
    samples = [
        replace(sample, label=labels[dataset.classes[sample.label]])
        for sample in dataset.of_split("val") or dataset.samples
        if dataset.classes[sample.label] in labels
    ]
    if not samples:
        raise EngineError(
            f"No class folder here has the name of a class of the model ({', '.join(classes[:_MAX_NAMES])}"
            f"{', …' if len(classes) > _MAX_NAMES else ''}). Choose a folder with these classes.",
            dataset.root,
        )
    return samples, [
        Warned(message=f"Class '{name}' is skipped: the model does not have it.")
        for name in dataset.classes
        if name not in labels
    ]
