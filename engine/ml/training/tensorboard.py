"""The curves of a run for TensorBoard, beside its journal."""

import logging
from collections.abc import Generator, Iterator
from typing import TypeVar

from torch.utils.tensorboard import SummaryWriter

from engine.core.event_stream import map_events
from engine.core.events import EpochDone, Event, Warned
from engine.runs.run_folder import Run

Result = TypeVar("Result")

logger = logging.getLogger(__name__)


def with_tensorboard(run: Run, events: Generator[Event, None, Result]) -> Generator[Event, None, Result]:
    """Pass the events on and write each epoch for TensorBoard into the run folder.

    Epochs that the journal holds already are written again, in place of what a run that was cut off has left. What the
    disk refuses is told once and ends the tracking, not the run.
    """
    curves = _Curves(run)

    def add(event: Event) -> Iterator[Event]:
        yield event
        warning = curves.add(event) if isinstance(event, EpochDone) else None
        if warning is not None:
            yield warning

    try:
        return (yield from map_events(events, add))
    finally:
        curves.close()


class _Curves:
    def __init__(self, run: Run) -> None:
        self._run = run
        self._writer: SummaryWriter | None = None
        self._is_over = False

    def add(self, epoch: EpochDone) -> Warned | None:
        """Write an epoch; return what to tell where the disk refuses."""
        if self._is_over:
            return None
        try:
            if self._writer is None:
                self._begin(epoch)
            self._write(epoch)
        except OSError as error:
            logger.warning("The curves for TensorBoard were refused: %s", error)
            self._is_over = True
            return Warned(
                message=f"The curves for TensorBoard cannot be written: {error.strerror or error}. Training goes on "
                "without them."
            )
        return None

    def close(self) -> None:
        """Let go of the file."""
        if self._writer is not None:
            try:
                self._writer.close()
            except OSError as error:
                logger.warning("The curves for TensorBoard were cut off: %s", error)

    def _begin(self, epoch: EpochDone) -> None:
        self._writer = SummaryWriter(str(self._run.tensorboard_path), purge_step=1)
        self._writer.add_text("settings", f"```json\n{self._run.config.model_dump_json(indent=2)}\n```")
        for earlier in self._run.history.epochs:
            if earlier.epoch < epoch.epoch:
                self._write(earlier)

    def _write(self, epoch: EpochDone) -> None:
        assert self._writer is not None
        figures = {
            "loss/train": epoch.train.loss,
            "loss/val": epoch.val.loss,
            "accuracy/train": epoch.train.plain_accuracy,
            "accuracy/val": epoch.val.accuracy,
            "learning_rate": epoch.lr,
            "seconds": epoch.seconds,
        }
        for name, value in figures.items():
            self._writer.add_scalar(name, value, epoch.epoch)
        self._writer.flush()
