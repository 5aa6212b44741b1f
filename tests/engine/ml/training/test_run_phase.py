"""Tests of the epochs of a phase, on a tiny network and with a writer that records its calls."""

import importlib
import sys
from collections.abc import Generator
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest
import torch
from torch import Tensor

from engine.core.event_stream import run_to_end
from engine.core.events import EpochDone, Event, Progress, RunStarted, Scores, Warned
from engine.ml.evaluation.run_inference import Predictions
from engine.ml.runtime.precision import PrecisionChoice
from engine.ml.training.phases import Phase
from engine.ml.training.run_phase import _planned_epochs, run_phase
from engine.ml.training.state import TrainState
from engine.results.evaluation import Evaluation
from tests.engine.ml.training.tiny_state import make_phase, make_state

Calls = list[tuple[object, ...]]


@dataclass
class RecordingWriter:
    """Writes nothing and records its calls together with the epochs that were reported."""

    is_checkpoint_due: bool = False
    calls: Calls = field(default_factory=list)
    evaluations: list[Evaluation] = field(default_factory=list)

    def is_due(self, at_epoch_end: bool) -> bool:
        return at_epoch_end and self.is_checkpoint_due

    def save_best(self, state: TrainState, evaluation: Evaluation) -> None:
        assert state.stopping.best is not None
        self.calls.append(("best", state.stopping.best.epoch))
        self.evaluations.append(evaluation)

    def flush_pending(self, state: TrainState) -> None:
        self.calls.append(("flush", state.epoch))

    def save_checkpoint(self, state: TrainState, phase: Phase, sums: Tensor) -> None:
        self.calls.append(("checkpoint", state.epoch, state.num_batches_done, sums.tolist()))


@dataclass
class FakeCheckpoint:
    """A checkpoint that sets the number of finished epochs."""

    kind: str
    epoch: int

    def restore(self, state: TrainState, phase: Phase) -> None:
        assert phase.kind == self.kind
        state.epoch = self.epoch


def _make_run(num_epochs: int | None = 1, **plan: object) -> tuple[TrainState, Phase]:
    state = make_state(**plan)
    phase = make_phase(state, lr=0.01)
    phase.num_epochs = num_epochs
    return state, phase


def _run(
    state: TrainState, phase: Phase, writer: RecordingWriter | None = None, checkpoint: FakeCheckpoint | None = None
) -> list[Event]:
    """Run the phase and return its events other than progress; the writer records the reported epochs too."""
    writer = writer or RecordingWriter()
    events: list[Event] = []

    def record(event: Event) -> None:
        if isinstance(event, EpochDone):
            writer.calls.append(("event", event.epoch))
        if isinstance(event, RunStarted | EpochDone | Warned):
            events.append(event)

    run_to_end(run_phase(state, phase, writer, checkpoint), record)  # type: ignore[arg-type]
    return events


def _epochs(events: list[Event]) -> list[int]:
    return [event.epoch for event in events if isinstance(event, EpochDone)]


def _use_accuracies(monkeypatch: pytest.MonkeyPatch, *numbers_correct: int) -> None:
    """Make each validation classify this many of its six images correctly."""
    remaining = list(numbers_correct)

    def validate(_: TrainState, phase: Phase) -> Generator[Event, None, Predictions]:
        yield from ()
        num_correct, samples = remaining.pop(0), phase.source.val_samples
        labels = [(sample.label + (index >= num_correct)) % 3 for index, sample in enumerate(samples)]
        return Predictions(samples, 5 * torch.eye(3)[labels])

    monkeypatch.setattr("engine.ml.training.run_phase.validate", validate)


def test_the_start_of_a_run_reports_images_parameters_device_and_precision() -> None:
    state, phase = _make_run(num_epochs=3)
    state.setup = replace(state.setup, precision=PrecisionChoice(torch.float32, "for a reason"))
    state.setup.model.backbone.requires_grad_(False)
    phase.source.train_samples = phase.source.train_samples[:5]  # as if there was no time for all features
    started = _run(state, phase)[0]
    num_head = 16 * 3 + 3
    assert started == RunStarted(
        run=str(state.run.path),
        classes=("a", "b", "c"),
        num_train=6,
        num_val=6,
        device="cpu",
        precision="float32",
        precision_reason="for a reason",
        parameters=3 * 4 * 9 + 4 + 8 + num_head,
        trainable=num_head,
        epochs=3,
    )


def test_a_run_of_two_phases_is_announced_once() -> None:
    state, phase = _make_run()
    first, second = _run(state, phase), _run(state, make_phase(state))
    assert [type(event) for event in first] == [RunStarted, EpochDone]
    assert RunStarted not in map(type, second)


def test_with_a_time_budget_the_announced_number_of_epochs_is_that_of_the_settings() -> None:
    state, phase = _make_run(num_epochs=None, epochs=7, budget_seconds=60.0)
    phase.clock, phase.deadline, state.num_steps_done = (lambda: 100.0), 99.0, 2
    (started,) = _run(state, phase)
    assert isinstance(started, RunStarted)
    assert started.epochs == 7


def test_a_phase_runs_its_epochs_and_continues_the_numbers_of_the_phase_before() -> None:
    state, phase = _make_run(num_epochs=2)
    assert _epochs(_run(state, phase)) == [1, 2]
    second = make_phase(state)
    second.num_epochs, second.first_epoch = 2, 3
    assert _epochs(_run(state, second)) == [3, 4]
    assert state.epoch == 4
    assert state.phase is second


def test_a_checkpoint_of_the_phase_is_restored_and_one_of_another_phase_is_not() -> None:
    state, phase = _make_run(num_epochs=3)
    assert _epochs(_run(state, phase, checkpoint=FakeCheckpoint("full", 2))) == [3]
    state, phase = _make_run(num_epochs=3)
    assert _epochs(_run(state, phase, checkpoint=FakeCheckpoint("quick", 2))) == [1, 2, 3]


def test_the_schedule_of_a_resumed_phase_continues(monkeypatch: pytest.MonkeyPatch) -> None:
    steps: list[int] = []
    monkeypatch.setattr(Phase, "lr_factor", lambda _, steps_done: steps.append(steps_done) or 1.0)  # type: ignore[func-returns-value]
    state, phase = _make_run(num_epochs=4)
    phase.first_epoch = 3
    _run(state, phase, checkpoint=FakeCheckpoint("full", 4))
    assert steps == [2, 3], "the epochs 5 and 6 of the run are the third and fourth of the phase"


def test_early_stopping_ends_the_phase(monkeypatch: pytest.MonkeyPatch) -> None:
    _use_accuracies(monkeypatch, 3, 4, 2, 2)
    state, phase = _make_run(num_epochs=9, early_stopping=2)
    assert _epochs(_run(state, phase)) == [1, 2, 3, 4]


def test_the_deadline_ends_the_phase_and_the_epoch_is_validated() -> None:
    state, phase = _make_run(num_epochs=None, budget_seconds=60.0)
    phase.clock, phase.began, phase.deadline = (lambda: 100.0), 100.0, 99.0
    events = _run(state, phase)
    assert _epochs(events) == [1, 2], "the duration of a step is known after two steps"


def test_an_epoch_reports_its_scores_and_whether_it_is_the_best(monkeypatch: pytest.MonkeyPatch) -> None:
    _use_accuracies(monkeypatch, 3, 2)
    state, phase = _make_run(num_epochs=2)
    first, second = (event for event in _run(state, phase) if isinstance(event, EpochDone))
    assert (first.best, second.best) == (True, False)
    assert (first.val.accuracy, second.val.accuracy) == pytest.approx((3 / 6, 2 / 6))
    assert first.train.loss > 0
    assert first.epochs == second.epochs == 2
    assert 0 < first.seconds < 60


def test_the_reported_learning_rate_is_that_of_the_head_which_is_the_last_group() -> None:
    state, phase = _make_run()
    model = state.setup.model
    groups = [
        {"params": list(part.parameters()), "lr": rate, "initial_lr": rate}
        for part, rate in ((model.backbone, 0.01), (model.head, 0.1))
    ]
    phase.optimizer = torch.optim.SGD(groups, lr=0.1)
    done = _run(state, phase)[-1]
    assert isinstance(done, EpochDone)
    assert done.lr == pytest.approx(0.1)


def test_the_best_model_is_saved_with_calibration_and_pending_files_are_retried_in_other_epochs(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    _use_accuracies(monkeypatch, 3, 2, 5)
    writer = RecordingWriter()
    state, phase = _make_run(num_epochs=3)
    _run(state, phase, writer)
    assert [call for call in writer.calls if call[0] != "event"] == [("best", 1), ("flush", 1), ("best", 3)]
    evaluation = writer.evaluations[-1]
    assert evaluation.accuracy == pytest.approx(5 / 6)
    assert (evaluation.root, evaluation.classes) == (str(Path().absolute()), ("a", "b", "c"))
    assert evaluation.calibration == state.calibration is not None


def test_only_the_first_process_saves_the_best_model(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("engine.ml.runtime.distributed.rank", lambda: 1)
    writer = RecordingWriter()
    _run(*_make_run(num_epochs=2), writer)
    assert writer.calls == [("event", 1), ("event", 2)]


def test_a_checkpoint_is_saved_after_its_epoch_is_reported_with_sums_of_zero(monkeypatch: pytest.MonkeyPatch) -> None:
    _use_accuracies(monkeypatch, 3, 5)
    writer = RecordingWriter(is_checkpoint_due=True)
    _run(*_make_run(num_epochs=2), writer)
    assert writer.calls == [
        call
        for epoch in (1, 2)
        for call in (("best", epoch), ("event", epoch), ("checkpoint", epoch, 0, [0.0, 0.0, 0.0]))
    ]


@pytest.mark.parametrize("uses_mixup", [True, False])
def test_with_mixup_the_clean_accuracy_is_that_of_clean_training_images(
    uses_mixup: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    def score(state: TrainState, phase: Phase) -> Generator[Event, None, Scores]:
        assert phase.source.train_samples
        yield Warned(message=f"scored after epoch {state.epoch}")
        return Scores(loss=9.0, accuracy=0.123)

    monkeypatch.setattr("engine.ml.training.run_phase.score_clean_train", score)
    state, phase = _make_run()
    phase.source.uses_mixup = uses_mixup
    done = _run(state, phase)[-1]
    assert isinstance(done, EpochDone)
    assert done.train.plain_accuracy == (0.123 if uses_mixup else done.train.accuracy)
    assert done.train.loss != 9.0


def test_without_a_time_budget_the_planned_epochs_are_those_of_the_phase() -> None:
    state, phase = _make_run(num_epochs=7)
    assert _planned_epochs(state, phase, 1.0) == 7


def test_under_a_time_budget_the_planned_epochs_are_estimated_from_the_last_one() -> None:
    state, phase = _make_run(num_epochs=None, budget_seconds=100.0)
    state.epoch, state.started = 4, state.started - 40.0
    assert _planned_epochs(state, phase, 20.0) == 4 + 3
    assert _planned_epochs(state, phase, 0.0) == 4 + 1, "an epoch of no duration gives no estimate"
    state.started -= 100.0
    assert _planned_epochs(state, phase, 20.0) == 4


def test_in_a_quick_phase_under_a_time_budget_one_more_epoch_is_planned_while_time_is_left() -> None:
    state, phase = _make_run(num_epochs=6, budget_seconds=100.0)
    phase.kind, state.epoch = "quick", 2
    assert _planned_epochs(state, phase, 1.0) == 3
    state.started -= 200.0
    assert _planned_epochs(state, phase, 1.0) == 2


@pytest.mark.parametrize("is_loaded", [False, True])
def test_a_phase_says_that_the_compiler_is_loaded_if_it_is_not_yet(
    is_loaded: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    state, phase = _make_run()
    importlib.import_module("torch._dynamo")
    if not is_loaded:
        monkeypatch.delitem(sys.modules, "torch._dynamo")
    event = next(run_phase(state, phase, RecordingWriter(), None))  # type: ignore[arg-type]
    assert isinstance(event, RunStarted if is_loaded else Progress)


def test_the_optimizer_is_made_before_the_first_epoch_whose_duration_it_must_not_count_to() -> None:
    state, original = _make_run()
    made: list[object] = []
    phase = replace(original, make_optimizer=lambda: made.append(0) or original.optimizer)  # type: ignore[func-returns-value]
    importlib.import_module("torch._dynamo")
    assert isinstance(next(run_phase(state, phase, RecordingWriter(), None)), RunStarted)  # type: ignore[arg-type]
    assert len(made) == 1
