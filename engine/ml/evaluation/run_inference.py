"""Inference over batches: the logits of a network for every readable image."""

from collections.abc import Generator, Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from engine.core.errors import EngineError
from engine.core.events import Progress, Scores, Stage
from engine.core.progress import Ticker
from engine.data.dataset import Sample
from engine.ml.loading.loader import Batch
from engine.ml.models.inference import Forward
from engine.ml.runtime.errors import DivergedError
from engine.results.evaluation import Unreadable


@dataclass(frozen=True, slots=True)
class Predictions:
    """Logits of the readable images among some samples, and the unreadable ones."""

    samples: tuple[Sample, ...]
    logits: Tensor
    """Shape (N, K), float32, on the CPU, in the order of `samples`."""
    unreadable: tuple[Unreadable, ...] = ()

    @classmethod
    def merged(cls, shards: Sequence["Predictions"]) -> "Predictions":
        """Return the predictions of several processes as one, ordered by path."""
        if len(shards) == 1:
            return shards[0]
        samples = [sample for shard in shards for sample in shard.samples]
        order = sorted(range(len(samples)), key=lambda position: samples[position].path)
        logits = torch.cat([shard.logits for shard in shards if shard.samples])
        unreadable = tuple(image for shard in shards for image in shard.unreadable)
        return cls(tuple(samples[position] for position in order), logits[order], unreadable)

    @property
    def labels(self) -> Tensor:
        """True classes, shape (N,), int64."""
        return torch.tensor([sample.label for sample in self.samples], dtype=torch.int64)

    @property
    def scores(self) -> Scores:
        """Mean cross-entropy (nats) and accuracy (0..1).

        Raises:
            EngineError: No image could be read.
            DivergedError: The loss is not finite.
        """
        if not self.samples:
            raise EngineError("None of the images to evaluate could be read. Check that the folder still holds them.")
        loss = nn.functional.cross_entropy(self.logits, self.labels).item()
        if not np.isfinite(loss):
            raise DivergedError("The model's outputs are not finite numbers. Train again with a lower learning rate.")
        accuracy = (self.logits.argmax(1) == self.labels).float().mean().item()
        return Scores(loss=loss, accuracy=accuracy)


def run_inference(
    batches: Iterable[Batch], num_samples: int, forward: Forward, stage: Stage, epoch: int | None = None
) -> Generator[Progress, None, Predictions]:
    """Run `forward` on all batches without gradients.

    Args:
        batches: Batches whose `inputs` are in the form that `forward` takes.
        num_samples: Number of images in all batches, unreadable ones included; the total of the progress events.
        forward: Function from the inputs of a batch to logits (N, K) of any float dtype, on any device.
        stage: Name of the stage in the progress events.
        epoch: Number of the epoch in the progress events, from 1.
    """
    ticker = Ticker(stage, num_samples, epoch)
    samples: list[Sample] = []
    unreadable: list[Unreadable] = []
    logits: list[Tensor] = []
    for batch in batches:
        samples += batch.samples
        unreadable += batch.unreadable
        if batch.samples:
            with torch.inference_mode():
                logits.append(forward(batch.inputs).float().cpu())
        yield from ticker.at(len(samples) + len(unreadable))
    return Predictions(tuple(samples), torch.cat(logits) if logits else torch.empty(0, 0), tuple(unreadable))
