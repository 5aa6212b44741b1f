"""Tests of the state of a run before its first step."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from engine.audit.class_balance import class_weights
from engine.config.settings import Balance
from engine.data.dataset import Sample
from engine.ml.training.state import TrainState, make_train_state
from engine.runs.run_folder import Run
from tests.engine.ml.training.tiny_state import make_phase, make_state

UNEQUAL = [0] * 40 + [1] * 6 + [2] * 6
EQUAL = [0, 1, 2]


@pytest.mark.parametrize(
    ("balance", "labels", "is_weighted"),
    [
        ("auto", UNEQUAL, False),
        ("auto", EQUAL, False),
        ("off", UNEQUAL, False),
        ("loss", EQUAL, True),
        ("sampling", EQUAL, False),
    ],
)
def test_class_weights_are_used_and_class_balance_is_announced_as_the_settings_say(
    balance: Balance, labels: list[int], is_weighted: bool
) -> None:
    state = make_state(labels=labels, balance=balance)
    assert (state.class_weights is not None) == is_weighted
    is_balanced = (balance, labels) in (("auto", UNEQUAL), ("loss", EQUAL), ("sampling", EQUAL))
    assert len(state.notices) == int(is_balanced)
    if state.class_weights is not None:
        counts = [labels.count(label) for label in range(3)]
        assert state.class_weights.tolist() == pytest.approx(class_weights(counts))


def test_a_warning_names_the_ratio_of_the_class_sizes() -> None:
    (notice,) = make_state(labels=UNEQUAL, balance="auto").notices
    assert "6.7 times" in notice


@pytest.fixture
def ten_seconds(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let every run have lasted for ten seconds."""
    monkeypatch.setattr(TrainState, "seconds", 10.0)


@pytest.mark.usefixtures("ten_seconds")
def test_seconds_left_is_extrapolated_from_the_images_done() -> None:
    state = make_state(epochs=2)
    phase = make_phase(state)
    assert state.seconds_left(phase, 0) is None
    state.work_done = 7.2  # one of two epochs of 6 training images and 6 validation images at 1/5
    assert state.seconds_left(phase, 0) == pytest.approx(10.0)


@pytest.mark.usefixtures("ten_seconds")
def test_seconds_left_of_a_time_budget_is_the_rest_of_the_budget() -> None:
    state = make_state(budget_seconds=60.0)
    assert state.seconds_left(make_phase(state), 0) == pytest.approx(50.0)


def test_sums_start_at_zero() -> None:
    assert torch.equal(make_state().sums, torch.zeros(3))


@pytest.mark.usefixtures("ten_seconds")
def test_seconds_left_counts_the_work_of_the_current_stage() -> None:
    state = make_state(epochs=2)
    assert state.seconds_left(make_phase(state), 7.2) == pytest.approx(10.0)
    assert state.seconds_left(make_phase(state), 0.5) == pytest.approx(10.0 / 0.5 * 13.9)


@pytest.mark.parametrize("plan", [{"budget_seconds": 60.0}, {"epochs": 2}])
def test_seconds_left_is_never_negative(plan: dict[str, float]) -> None:
    state = make_state(**plan)
    state.started -= 100.0
    state.work_done = 1000.0
    assert state.seconds_left(make_phase(state), 0) == 0.0


def test_the_moving_average_includes_the_statistics_of_batchnorm() -> None:
    state = make_state(ema_decay=0.5)
    assert state.averaged is not None
    norm, averaged = (model.backbone[1] for model in (state.setup.model, state.eval_model))  # type: ignore[index]
    state.averaged.update_parameters(state.setup.model)
    norm.running_mean.fill_(2.0)
    state.averaged.update_parameters(state.setup.model)
    assert averaged.running_mean.tolist() == [1.0] * 4


@pytest.mark.parametrize(("has_head", "expected"), [(True, 0.5), (False, 1.0)])
def test_the_moving_average_begins_with_a_trained_model_or_else_with_the_first_step(
    has_head: bool, expected: float
) -> None:
    state = make_state(ema_decay=0.5)
    state.setup.model.head.bias.data.fill_(0.0)
    state = make_train_state(replace(state.setup, has_head=has_head), state.dataset, state.run)
    assert state.averaged is not None
    state.setup.model.head.bias.data.fill_(1.0)
    state.averaged.update_parameters(state.setup.model)
    assert state.eval_model.head.bias.tolist() == [expected] * 3


def test_a_run_stops_early_with_the_patience_of_its_plan() -> None:
    assert make_state(early_stopping=3).stopping.patience == 3


def test_the_state_belongs_to_its_run() -> None:
    state = make_state()
    run = Run(Path("some run"))
    assert make_train_state(state.setup, state.dataset, run).run == run


def test_only_training_images_count_for_the_class_weights() -> None:
    state = make_state(balance="auto")
    validation = tuple(Sample(f"val {number}.png", 0, "val") for number in range(100))
    dataset = replace(state.dataset, samples=(*state.dataset.samples, *validation))
    assert make_train_state(state.setup, dataset, state.run).class_weights is None


@pytest.mark.parametrize(
    ("adapts_threads", "num_cores", "adapts"), [(True, 2, True), (False, 2, False), (True, 1, False)]
)
def test_threads_are_adapted_if_their_number_is_automatic(
    adapts_threads: bool, num_cores: int, adapts: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("engine.ml.runtime.adaptive_threads.num_compute_threads", lambda: num_cores)
    monkeypatch.delenv("OMP_NUM_THREADS")
    state = make_state(adapts_threads=adapts_threads)
    assert (state.threads is not None) is adapts


def test_threads_are_not_adapted_on_a_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("engine.ml.runtime.adaptive_threads.num_compute_threads", lambda: 2)
    monkeypatch.delenv("OMP_NUM_THREADS")
    state = make_state(adapts_threads=True)
    setup = replace(state.setup, device=torch.device("meta"))
    assert make_train_state(setup, state.dataset, state.run).threads is None
