"""The results of `ImageClassificationPipeline` that also unpack like those of a usual PyTorch script."""

import math
from collections.abc import Iterator
from dataclasses import dataclass, field, fields
from typing import Any

from engine import jobs
from engine.config.settings import RunConfig
from engine.data.dataset import Dataset
from engine.data.folders.split_names import Split
from engine.results.evaluation import Evaluation


@dataclass
class SplitLoader:
    """Batches of one split: images, float32, shape (N, 3, S, S), normalised, and labels, int64, shape (N,), on the CPU.

    Training images are shuffled and augmented, differently in each pass; validation images keep their order.
    """

    dataset: Dataset
    config: RunConfig
    split: Split
    _num_passes: int = field(default=0, init=False, repr=False)

    def __len__(self) -> int:
        """Return the number of batches."""
        return math.ceil(len(self.dataset.of_split(self.split)) / self.config.training.batch_size)

    def __iter__(self) -> Iterator[tuple[Any, Any]]:
        """Return an iterator over one pass; raises EngineError if an image cannot be read."""
        self._num_passes += 1
        return jobs.input_batches(self.dataset, self.config, self.split, self._num_passes)


@dataclass(frozen=True, slots=True)
class PreparedDataset(Dataset):
    """A split dataset that unpacks into a training and a validation loader."""

    config: RunConfig = field(default_factory=RunConfig)

    @classmethod
    def of(cls, dataset: Dataset, config: RunConfig) -> "PreparedDataset":
        """Return the split `dataset` with the settings that its loaders use."""
        return cls(**{each.name: getattr(dataset, each.name) for each in fields(dataset)}, config=config)

    def __iter__(self) -> Iterator[SplitLoader]:
        """Yield the training loader, then the validation loader."""
        yield SplitLoader(self, self.config, "train")
        yield SplitLoader(self, self.config, "val")


class ValidationResult(Evaluation):
    """An evaluation that unpacks into loss (nats) and accuracy (0..1)."""

    def __iter__(self) -> Iterator[float]:  # type: ignore[override]
        """Yield loss and accuracy."""
        yield self.loss
        yield self.accuracy
