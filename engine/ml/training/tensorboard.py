"""Training curves for TensorBoard, written in addition to the event log."""

import logging
from collections.abc import Generator, Iterator
from typing import TypeVar

from torch.utils.tensorboard import SummaryWriter

from engine.core.event_stream import map_events
from engine.core.events import EpochDone, Event, Warned
from engine.runs.run_folder import Run

Result = TypeVar("Result")

logger = logging.getLogger(__name__)


def with_tensorboard(run: Run, settings: str, events: Generator[Event, None, Result]) -> Generator[Event, None, Result]:
    """Pass the events on and write every epoch to the TensorBoard folder of the run.

    Epochs that are already in the event log are written again, in place of those of an interrupted run. If writing
    fails, the user is warned once and training continues without the curves.

    Args:
        run: The run.
        settings: Settings of the run as JSON, shown as text in TensorBoard.
        events: The events of the training.
    """
    curves = _Curves(run, settings)

    def write(event: Event) -> Iterator[Event]:
        yield event
        warning = curves.add(event) if isinstance(event, EpochDone) else None
        if warning is not None:
            yield warning

    try:
        return (yield from map_events(events, write))
    finally:
        curves.close()


class _Curves:
    def __init__(self, run: Run, settings: str) -> None:
        self._run, self._settings = run, settings
        self._writer: SummaryWriter | None = None
        self._has_failed = False

    def add(self, epoch: EpochDone) -> Warned | None:
        """Write an epoch; return a warning if that fails for the first time."""
        if self._has_failed:
            return None
        try:
            if self._writer is None:
                self._open(epoch)
            self._write(epoch)
        except OSError as error:
            logger.warning("The curves for TensorBoard could not be written: %s", error)
            self._has_failed = True
            return Warned(
                message=f"The curves for TensorBoard cannot be written: {error.strerror or error}. Training continues "
                "without them."
            )
        return None

    def close(self) -> None:
        """Close the file."""
        if self._writer is not None:
            try:
                self._writer.close()
            except OSError as error:
                logger.warning("The last curves for TensorBoard could not be written: %s", error)

    def _open(self, epoch: EpochDone) -> None:
        self._writer = SummaryWriter(str(self._run.tensorboard_path), purge_step=1)
        self._writer.add_text("settings", f"```json\n{self._settings}\n```")
        for earlier in self._run.history.epochs:
            if earlier.epoch < epoch.epoch:
                self._write(earlier)

    def _write(self, epoch: EpochDone) -> None:
        assert self._writer is not None
        scalars = {
            "loss/train": epoch.train.loss,
            "loss/val": epoch.val.loss,
            "accuracy/train": epoch.train.plain_accuracy,
            "accuracy/val": epoch.val.accuracy,
            "learning_rate": epoch.lr,
            "seconds": epoch.seconds,
        }
        for name, value in scalars.items():
            self._writer.add_scalar(name, value, epoch.epoch)
        self._writer.flush()
