"""Tests of the order of the phases of a new and of a resumed run; the phases themselves are replaced."""

from collections.abc import Generator
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch

from engine.core.event_stream import run_to_end
from engine.core.events import Event, ValScores
from engine.ml.runtime.precision import PrecisionChoice
from engine.ml.training.checkpoint import write_checkpoint
from engine.ml.training.loop import _run_phases, fit
from engine.ml.training.phases import Phase
from engine.ml.training.setup import TrainingSetup
from engine.ml.training.state import TrainState
from engine.runs.run_folder import Run
from tests.engine.ml.training.tiny_state import make_phase, make_state
from tests.scratch_config import scratch_config


@pytest.fixture
def phases(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Replace the phases by ones without epochs; return the kinds of those that were run."""
    kinds: list[str] = []

    def make_quick_phase(state: TrainState) -> Generator[Event, None, Phase]:
        yield from ()
        phase = make_phase(state)
        phase.kind = "quick"
        return phase

    def run_phase(state: TrainState, phase: Phase, *_: object) -> Generator[Event, None, None]:
        yield from ()
        kinds.append(phase.kind)

    def fit_head(*_: object) -> Generator[Event, None, None]:
        yield from ()
        kinds.append("linear head")

    def start_with_fitted_head(*_: object) -> Generator[Event, None, None]:
        yield from ()
        kinds.append("fitted head")

    monkeypatch.setattr("engine.ml.training.loop.start_with_fitted_head", start_with_fitted_head)
    for module in ("loop", "race"):
        monkeypatch.setattr(f"engine.ml.training.{module}.make_quick_phase", make_quick_phase)
        monkeypatch.setattr(f"engine.ml.training.{module}.make_image_phase", make_phase)
        monkeypatch.setattr(f"engine.ml.training.{module}.run_phase", run_phase)
        monkeypatch.setattr(f"engine.ml.training.{module}.fit_head", fit_head)
    return kinds


@pytest.mark.parametrize(
    ("plan", "checkpoint", "expected"),
    [
        ({"mode": "full"}, None, ["full"]),
        ({"mode": "full", "fits_head": True}, None, ["fitted head", "full"]),
        ({"mode": "full", "fits_head": True}, "full", ["full"]),
        ({"mode": "quick"}, None, ["linear head", "quick"]),
        ({"mode": "full", "starts_quick": True}, None, ["linear head", "quick", "full"]),
        ({"mode": "full", "starts_quick": True}, "quick", ["quick", "full"]),
        ({"mode": "full", "starts_quick": True}, "full", ["full"]),
        ({"mode": "quick"}, "quick", ["quick"]),
    ],
)
def test_a_resumed_run_continues_with_the_phase_of_its_checkpoint(
    phases: list[str], plan: dict[str, object], checkpoint: str | None, expected: list[str]
) -> None:
    resumed = SimpleNamespace(kind=checkpoint) if checkpoint else None
    run_to_end(_run_phases(make_state(**plan), SimpleNamespace(), resumed))  # type: ignore[arg-type]
    assert phases == expected


def test_a_run_that_stopped_early_in_its_quick_phase_is_finished(phases: list[str]) -> None:
    state = make_state(mode="full", starts_quick=True, early_stopping=1)
    for epoch in (1, 2):
        state.stopping.update(epoch, ValScores(loss=1.0, accuracy=0.5))
    run_to_end(_run_phases(state, SimpleNamespace(), SimpleNamespace(kind="full")))  # type: ignore[arg-type]
    assert phases == []


@pytest.mark.usefixtures("phases")
def test_a_resumed_run_keeps_its_precision_its_weights_and_its_duration(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    state = make_state()
    state.run = Run(tmp_path)
    state.started -= 60.0
    torch.nn.init.constant_(state.setup.model.head.bias, 0.5)
    write_checkpoint(state.run.checkpoint_path, state, make_phase(state), torch.zeros(3))
    requested: list[PrecisionChoice | None] = []
    fresh = make_state()

    def prepare(*arguments: object) -> Generator[Event, None, TrainingSetup]:
        requested.append(arguments[2])  # type: ignore[arg-type]
        yield from ()
        return fresh.setup

    monkeypatch.setattr("engine.ml.training.loop.prepare_run", prepare)
    monkeypatch.setattr("engine.ml.training.loop.save_reference_embeddings", lambda *_: iter(()))
    done = run_to_end(fit(scratch_config(), state.dataset, state.run))
    assert requested == [state.setup.precision]
    assert fresh.setup.model.head.bias.tolist() == [0.5] * 3
    assert done.seconds == pytest.approx(60.0, abs=10.0)
    assert not done.stopped
