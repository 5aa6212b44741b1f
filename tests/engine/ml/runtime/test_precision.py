"""Tests of choosing the precision by a trial."""

import pytest
import torch
from torch import Tensor, nn

from engine.ml.runtime import precision
from engine.ml.runtime.precision import choose_precision, inference_dtype

CPU = torch.device("cpu")
IMAGES = torch.ones(2, 3, 4, 4)
MANY = 10**9


class _Network(nn.Module):
    """A network with a simulated duration in half precision and a relative error in bfloat16."""

    def __init__(self, clock: list[float], seconds_in_half: float, error: float) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(1))
        self._arguments = clock, seconds_in_half, error

    def __deepcopy__(self, _memo: object) -> "_Network":
        return _Network(*self._arguments)

    def forward(self, x: Tensor) -> Tensor:
        clock, seconds_in_half, error = self._arguments
        is_half = torch.is_autocast_enabled("cpu")
        clock[0] += seconds_in_half if is_half else 1.0
        return x.flatten(1) * self.weight * (1 + error * is_half)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    now = [0.0]
    monkeypatch.setattr(precision.time, "perf_counter", lambda: now[0])
    monkeypatch.setattr(precision, "is_native", lambda dtype, _: dtype != torch.float16)
    return now


@pytest.mark.parametrize("learns", [True, False])
def test_a_faster_precision_with_close_outputs_is_chosen_with_a_reason(clock: list[float], learns: bool) -> None:
    choice = choose_precision("auto", CPU, _Network(clock, 0.25, 0.01), IMAGES, MANY, learns)
    assert choice.dtype == torch.bfloat16
    assert choice.reason == "bfloat16 is 4.0 times as fast and differs by 1.0%"
    assert choice.inference_dtype == torch.bfloat16


def test_a_faster_precision_with_different_outputs_is_not_chosen(clock: list[float]) -> None:
    choice = choose_precision("auto", CPU, _Network(clock, 0.25, 0.2), IMAGES, MANY, True)
    assert choice.dtype == torch.float32
    assert "20.0%" in choice.reason


def test_a_precision_that_is_hardly_faster_is_not_chosen(clock: list[float]) -> None:
    assert choose_precision("auto", CPU, _Network(clock, 0.95, 0), IMAGES, MANY, True).dtype == torch.float32


def test_a_short_run_is_not_delayed_by_a_trial(clock: list[float]) -> None:
    choice = choose_precision("auto", CPU, _Network(clock, 0.25, 0), IMAGES, 10, True)
    assert choice.dtype == torch.float32
    assert "too short" in choice.reason


def test_a_precision_set_by_the_user_is_used_without_a_trial(clock: list[float]) -> None:
    choice = choose_precision("float16", CPU, _Network(clock, 0.25, 0), IMAGES, MANY, True)
    assert (choice.dtype, choice.inference_dtype, clock[0]) == (torch.float16, torch.float32, 0.0)


def test_inference_uses_float32_if_the_precision_is_not_native(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(precision, "is_native", lambda *_: False)
    assert inference_dtype("bfloat16", CPU) == torch.float32
    monkeypatch.setattr(precision, "is_native", lambda *_: True)
    assert inference_dtype("bfloat16", CPU) == torch.bfloat16
