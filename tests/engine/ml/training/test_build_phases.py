"""Tests of the phases that a run consists of."""

import pytest
import torch

from engine.ml.training.build_phases import make_image_phase
from engine.ml.training.phases import FINE_TUNING_LR_SCALE, Phase
from tests.engine.ml.training.tiny_state import make_state


@pytest.mark.parametrize("starts_quick", [True, False])
def test_training_after_a_quick_phase_freezes_norms_and_lowers_the_learning_rate(starts_quick: bool) -> None:
    phase = make_image_phase(make_state(starts_quick=starts_quick))
    assert phase.freezes_norms == starts_quick
    assert phase.optimizer.param_groups[-1]["initial_lr"] == (FINE_TUNING_LR_SCALE if starts_quick else 1.0)


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


def test_under_a_time_budget_the_learning_rate_follows_the_time() -> None:
    now = [100.0]
    parameter = torch.nn.Parameter(torch.ones(1))
    phase = Phase("full", None, torch.optim.SGD([parameter]), None, 8, 0.5, deadline=200.0, clock=lambda: now[0])  # type: ignore[arg-type]
    factors = []
    for now[0] in (100.0, 102.5, 105.0, 152.5, 200.0, 250.0):
        factors.append(phase.lr_factor(0))
    assert factors[0] < factors[1] < factors[2]
    assert factors[2:] == pytest.approx([1.0, 0.5, 0.0, 0.0], abs=1e-3)
