"""Choose settings for a dataset: the presets, with properties that are read from its files."""

import statistics
from contextlib import suppress
from pathlib import Path

from engine.config.backbones import BACKBONES
from engine.config.local_weights import is_on_this_machine
from engine.config.presets import DatasetFacts, resolve
from engine.config.settings import RunConfig
from engine.core.errors import EngineError
from engine.data.dataset import Dataset
from engine.data.decode import read_size
from engine.results.model_metadata import read_metadata

_NUM_SIZES = 32
"""Images whose size is read; their median hardly changes with more."""


def read_facts(dataset: Dataset) -> DatasetFacts:
    """Return the properties of a dataset that the presets depend on; reads the headers of a few images."""
    samples = [sample for sample in dataset.samples if sample.split != "test"]
    sides: list[int] = []
    for sample in samples[:: max(1, len(samples) // _NUM_SIZES)][:_NUM_SIZES]:
        with suppress(EngineError):  # the check of the images reports it
            sides.append(min(read_size(dataset.root / sample.path)))
    downloaded = [row.name for row in BACKBONES.values() if is_on_this_machine(row) and not row.is_included]
    return DatasetFacts(len(samples), round(statistics.median(sides)) if sides else None, tuple(downloaded))


def resolve_for(dataset: Dataset, settings: RunConfig) -> RunConfig:
    """Return the settings with a value for every field; a model file as start weights determines the backbone."""
    weights = settings.model.weights_path
    if settings.model.backbone == "auto" and weights is not None:
        settings = settings.changed("model", backbone=read_backbone(weights))
    return resolve(settings, read_facts(dataset))


def read_backbone(weights: Path) -> str:
    """Return the backbone of a model file, or "auto" for a file of another program, which does not name its network."""
    try:
        return read_metadata(weights).backbone
    except EngineError:
        return "auto"
