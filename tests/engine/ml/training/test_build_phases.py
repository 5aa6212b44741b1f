"""Tests of the phases that a run consists of."""

from collections.abc import Generator

import pytest

from engine.core.errors import EngineError
from engine.core.event_stream import run_to_end
from engine.core.events import Event, Warned
from engine.data.dataset import Dataset
from engine.ml.training.batch_source import ImageBatchSource
from engine.ml.training.build_phases import make_image_phase, make_quick_phase
from engine.ml.training.phases import (
    FEATURE_FRACTION,
    FITTED_HEAD_LR_SCALE,
    QUICK_EPOCHS,
    QUICK_FRACTION,
    Phase,
)
from engine.ml.training.setup import TrainingSetup
from engine.ml.training.state import TrainState
from tests.engine.ml.training.tiny_state import TensorSource, make_batch, make_state


@pytest.mark.parametrize(
    ("fits_head", "lr_scale"),
    [(True, FITTED_HEAD_LR_SCALE), (False, 1.0)],
)
def test_training_with_a_fitted_head_freezes_norms_and_lowers_the_learning_rate(
    fits_head: bool, lr_scale: float
) -> None:
    phase = make_image_phase(make_state(fits_head=fits_head))
    assert phase.freezes_norms == fits_head
    assert phase.optimizer.param_groups[-1]["initial_lr"] == lr_scale


def test_head_mode_trains_the_head_alone() -> None:
    state = make_state(mode="head")
    phase = make_image_phase(state)
    assert phase.kind == "head"
    trained = [parameter for group in phase.optimizer.param_groups for parameter in group["params"]]
    assert {id(parameter) for parameter in trained} == {
        id(parameter) for parameter in state.setup.model.head.parameters()
    }


def test_with_a_time_budget_the_deadline_ends_the_phase_and_not_the_number_of_epochs() -> None:
    state = make_state(budget_seconds=60.0)
    phase = make_image_phase(state)
    assert phase.num_epochs is None
    assert phase.deadline == pytest.approx(state.started + 60.0)


def test_the_phase_on_images_has_the_batches_and_epochs_of_the_plan() -> None:
    state = make_state(epochs=7, batch_size=5, warmup_epochs=1.5)
    state.epoch = 3
    phase = make_image_phase(state)
    assert phase.kind == "full"
    assert (phase.num_epochs, phase.batch_size, phase.warmup_epochs, phase.deadline) == (7, 5, 1.5, None)
    assert phase.first_epoch == 4, "it continues the numbers of the quick phase"
    assert isinstance(phase.source, ImageBatchSource)
    assert phase.source.train_samples == state.dataset.samples
    inputs = make_batch().inputs
    state.setup.model.eval()
    assert phase.source.forward(inputs).tolist() == state.setup.model(inputs).tolist()


def test_the_head_is_the_only_trainable_part_in_head_mode_and_all_layers_are_in_full_mode() -> None:
    for mode, is_trainable in (("head", False), ("full", True)):
        state = make_state(mode=mode)
        state.setup.model.backbone.requires_grad_(not is_trainable)
        make_image_phase(state)
        assert {parameter.requires_grad for parameter in state.setup.model.backbone.parameters()} == {is_trainable}
        assert all(parameter.requires_grad for parameter in state.setup.model.head.parameters())


@pytest.mark.parametrize("num_processes", [1, 3])
def test_every_process_needs_two_images_of_a_batch(num_processes: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("engine.ml.runtime.distributed.world_size", lambda: num_processes)
    monkeypatch.setattr("engine.ml.training.build_phases.wrap_ddp", lambda model: model)
    make_image_phase(make_state(batch_size=2 * num_processes))
    with pytest.raises(EngineError, match="at least two images"):
        make_image_phase(make_state(batch_size=2 * num_processes - 1))


@pytest.fixture
def computed(monkeypatch: pytest.MonkeyPatch) -> list[tuple[TrainingSetup, Dataset]]:
    """Replace the batch source over features by images in memory; return the arguments of each call."""
    calls: list[tuple[TrainingSetup, Dataset]] = []

    def make_source(
        setup: TrainingSetup, dataset: Dataset, max_seconds: float | None
    ) -> Generator[Event, None, TensorSource]:
        budget = setup.plan.budget_seconds
        assert max_seconds == (None if budget is None else budget * FEATURE_FRACTION)
        calls.append((setup, dataset))
        yield from ()
        setup.model.backbone.requires_grad_(False)
        return TensorSource(setup.model, make_batch())

    monkeypatch.setattr("engine.ml.training.build_phases.make_feature_source", make_source)
    return calls


def _quick_phase(state: TrainState) -> Phase:
    return run_to_end(make_quick_phase(state))


def test_a_quick_phase_trains_on_the_features_of_the_dataset(computed: list[tuple[TrainingSetup, Dataset]]) -> None:
    state = make_state(mode="quick", epochs=9, batch_size=5, warmup_epochs=1.5)
    phase = _quick_phase(state)
    assert computed == [(state.setup, state.dataset)]
    assert isinstance(phase.source, TensorSource)
    assert phase.kind == "quick"
    assert (phase.num_epochs, phase.batch_size, phase.warmup_epochs, phase.deadline) == (8, 5, 1.5, None)
    groups = phase.optimizer.param_groups
    assert [group["initial_lr"] for group in groups] == [1.0] * 2
    trained = {id(parameter) for group in groups for parameter in group["params"]}
    assert trained == {id(parameter) for parameter in state.setup.model.head.parameters()}


@pytest.mark.usefixtures("computed")
def test_a_quick_phase_takes_the_whole_time_budget_in_quick_mode_and_a_part_of_it_otherwise() -> None:
    quick, first = (make_state(mode=mode, budget_seconds=100.0, epochs=99) for mode in ("quick", "full"))
    assert _quick_phase(quick).deadline == pytest.approx(quick.started + 100.0)
    assert _quick_phase(quick).num_epochs == 98
    assert _quick_phase(first).deadline == pytest.approx(first.started + 100.0 * QUICK_FRACTION)
    assert _quick_phase(first).num_epochs == QUICK_EPOCHS


@pytest.mark.usefixtures("computed")
def test_quick_mode_under_torchrun_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("engine.ml.runtime.distributed.world_size", lambda: 2)
    with pytest.raises(EngineError, match="one process only"):
        _quick_phase(make_state(mode="quick"))


def test_the_user_is_warned_of_an_unreadable_image_once(monkeypatch: pytest.MonkeyPatch) -> None:
    warning = Warned(message="Left out: no image", path="0.png")
    notice = Warned(message="The disk is full.")

    def make_source(*_: object) -> Generator[Event, None, TensorSource]:
        yield from (warning, warning, notice, notice)
        return TensorSource(state.setup.model, make_batch())

    monkeypatch.setattr("engine.ml.training.build_phases.make_feature_source", make_source)
    state = make_state(mode="quick")
    events: list[Event] = []
    run_to_end(make_quick_phase(state), events.append)
    assert events == [warning, notice, notice]
    assert state.warned == {"0.png"}


@pytest.mark.usefixtures("computed")
def test_the_optimizer_of_a_phase_is_made_at_its_first_use_and_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[object] = []
    monkeypatch.setattr("engine.ml.training.build_phases.make_run_optimizer", lambda *_: made.append(0) or object())
    phases = [_quick_phase(make_state(mode="quick")), make_image_phase(make_state())]
    assert not made
    for phase in phases:
        assert phase.optimizer is phase.optimizer
    assert len(made) == 2
