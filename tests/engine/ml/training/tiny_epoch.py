"""Epochs over batches in memory, for tests of the training half of an epoch."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from types import SimpleNamespace

from engine.core.event_stream import run_to_end
from engine.core.events import Event, TrainScores
from engine.ml.loading.loader import Batch
from engine.ml.training.epoch import train_epoch
from engine.ml.training.phases import Phase
from engine.ml.training.state import TrainState
from tests.engine.ml.training.tiny_state import TensorSource, make_batch, make_phase

WRITER = SimpleNamespace(is_due=lambda **_: False)


@dataclass
class BatchesSource(TensorSource):
    """Batch source over several batches in memory."""

    batches: Sequence[Batch] = ()
    requests: list[tuple[int, int]] = field(default_factory=list)
    """Epoch and first batch of each call of `train_batches`."""

    def train_batches(self, epoch: int, first: int) -> Iterable[Batch]:
        self.requests.append((epoch, first))
        return self.batches[first:]


def make_batches_phase(state: TrainState, *batches: Batch, num_samples: int = 6) -> Phase:
    """Return a phase whose epoch has these batches and `num_samples` images."""
    phase = make_phase(state)
    phase.source = BatchesSource(state.setup.model, make_batch([0] * num_samples), batches=batches)
    return phase


def run_epoch(state: TrainState, phase: Phase, phase_epoch: int = 0) -> tuple[TrainScores, list[Event]]:
    """Train an epoch without checkpoints; return its scores and events."""
    events: list[Event] = []
    scores = run_to_end(train_epoch(state, phase, phase_epoch, WRITER), events.append)  # type: ignore[arg-type]
    return scores, events
