"""Classifold's training step on one batch in memory: the upper bound of its training speed."""

from dataclasses import replace
from pathlib import Path

import torch

from benchmarks.contenders.our_training import config_for
from benchmarks.contenders.task import Clock, print_measurement, task_from_arguments
from engine.core.event_stream import run_to_end
from engine.ml.loading.loader import Batch
from engine.ml.training.batch_source import ImageBatchSource
from engine.ml.training.optim import make_run_optimizer
from engine.ml.training.phases import Phase
from engine.ml.training.setup import prepare_run
from engine.ml.training.state import make_train_state
from engine.ml.training.step import train_step
from engine.runs.run_folder import Run


class _MemoryBatchSource(ImageBatchSource):
    """Returns the same images for every batch."""

    inputs: torch.Tensor

    def to_input(self, batch: Batch) -> torch.Tensor:
        """Return the images in memory."""
        return self.inputs[: len(batch.samples)]


def main() -> None:
    """Train on as many batches as the epochs have, and print the speed of each epoch."""
    task = task_from_arguments()
    config, dataset = config_for(task), task.dataset
    setup = run_to_end(prepare_run(config, dataset))
    source = _MemoryBatchSource(setup, dataset, setup.model)
    images = torch.randn(task.batch_size, 3, task.image_size, task.image_size)
    source.inputs = images.contiguous(memory_format=setup.layout)
    optimizer = make_run_optimizer(setup.model, replace(setup.optimizer, lr=1e-3))
    phase = Phase("full", source, optimizer, task.epochs, task.batch_size, 0.5)
    state = make_train_state(setup, dataset, Run(Path()))
    setup.model.train()
    batches = [
        Batch(torch.empty(0), torch.tensor([s.label for s in batch.samples]), batch.samples)
        for batch in source.train_batches(1, 0)
    ]
    for _ in range(task.epochs):
        clock = Clock()
        for batch in batches:
            train_step(state, phase, batch, 0)
        print_measurement(images_per_second=len(source.train_samples) / clock.seconds)


if __name__ == "__main__":
    main()
