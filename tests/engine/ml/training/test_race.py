"""Tests of the candidates within a time budget; training itself is replaced by scripted epochs."""

from collections.abc import Callable, Generator, Mapping
from types import SimpleNamespace

import pytest
from torch import nn

from engine.core.event_stream import run_to_end
from engine.core.events import CandidateDone, EpochDone, Event, RaceDone, TrainScores, ValScores
from engine.core.formatting import percent
from engine.ml.training.race import run_race
from engine.ml.training.state import TrainState
from tests.engine.ml.training.tiny_state import make_phase, make_state

Scores = Mapping[str, tuple[float, ...]]


@pytest.fixture
def race(monkeypatch: pytest.MonkeyPatch) -> Callable[..., list[Event]]:
    """Return a function that runs a race in which the epochs of each candidate have the given accuracies."""

    def run(scores: Scores, checkpoint: str | None = None) -> list[Event]:
        def train(kind: str) -> Callable[..., Generator[Event, None, None]]:
            return lambda state, *_: _epochs(state, scores[kind])

        def make_quick_phase(state: TrainState) -> Generator[Event, None, object]:
            yield from ()
            return SimpleNamespace(kind="quick")

        def run_phase(state: TrainState, phase: SimpleNamespace, *_: object) -> Generator[Event, None, None]:
            return train(phase.kind)(state)

        monkeypatch.setattr("engine.ml.training.race.make_quick_phase", make_quick_phase)
        monkeypatch.setattr("engine.ml.training.race.make_image_phase", make_phase)
        monkeypatch.setattr("engine.ml.training.race.run_phase", run_phase)
        monkeypatch.setattr("engine.ml.training.race.fit_head", train("head"))
        events: list[Event] = []
        resumed = SimpleNamespace(kind=checkpoint) if checkpoint else None
        run_to_end(run_race(make_state(starts_quick=True), SimpleNamespace(), resumed), events.append)  # type: ignore[arg-type]
        return events

    return run


def _epochs(state: TrainState, accuracies: tuple[float, ...]) -> Generator[Event, None, None]:
    for accuracy in accuracies:
        state.epoch += 1
        val = ValScores(loss=1 - accuracy, accuracy=accuracy)
        best = state.stopping.update(state.epoch, val)
        train = TrainScores(loss=1.0, accuracy=0.5, plain_accuracy=0.5)
        yield EpochDone(epoch=state.epoch, epochs=9, train=train, val=val, lr=0.1, seconds=1.0, best=best)


def _candidates(events: list[Event]) -> list[tuple[str, int, float]]:
    return [(event.name, event.epoch, event.accuracy) for event in events if isinstance(event, CandidateDone)]


def _winner(events: list[Event]) -> RaceDone:
    (done,) = (event for event in events if isinstance(event, RaceDone))
    return done


@pytest.mark.parametrize(
    ("scores", "winner"),
    [
        ({"head": (0.9,), "quick": (0.7, 0.8), "full": (0.5, 0.6)}, "SE-ResNet, linear head"),
        ({"head": (0.7,), "quick": (0.7, 0.8, 0.6), "full": (0.5, 0.6)}, "SE-ResNet, last block"),
        ({"head": (0.7,), "quick": (0.8,), "full": (0.5, 0.9, 0.6)}, "SE-ResNet, all layers"),
    ],
)
def test_the_candidate_with_the_best_epoch_wins(race: Callable[..., list[Event]], scores: Scores, winner: str) -> None:
    events = race(scores)
    best = {kind: max(values) for kind, values in scores.items()}
    assert [accuracy for _, _, accuracy in _candidates(events)] == [best["head"], best["quick"], best["full"]]
    done = _winner(events)
    assert done.winner == winner
    first, second, _ = sorted(best.values(), reverse=True)
    assert f"{percent(first, 1)} of the validation images" in done.reason
    assert f"with {percent(second, 1)}" in done.reason


def test_the_race_ends_when_all_validation_images_are_correct(race: Callable[..., list[Event]]) -> None:
    events = race({"head": (1.0,), "quick": (0.8,), "full": (0.9,)})
    assert _candidates(events) == [("SE-ResNet, linear head", 1, 1.0)]
    assert "nothing else was tried" in _winner(events).reason


@pytest.mark.parametrize(
    ("checkpoint", "names"),
    [("quick", ["SE-ResNet, last block", "SE-ResNet, all layers"]), ("full", ["SE-ResNet, all layers"])],
)
def test_a_resumed_race_trains_only_the_candidates_that_are_left(
    race: Callable[..., list[Event]], checkpoint: str, names: list[str]
) -> None:
    events = race({"head": (0.7,), "quick": (0.8,), "full": (0.9,)}, checkpoint)
    assert [name for name, _, _ in _candidates(events)] == names


def test_of_equally_accurate_candidates_the_one_with_the_lower_loss_wins(race: Callable[..., list[Event]]) -> None:
    done = _winner(race({"head": (0.7,), "quick": (0.7,), "full": (0.6,)}))
    assert "linear head" in done.winner
    assert "as many as with SE-ResNet, last block" in done.reason


@pytest.mark.parametrize(("accuracy", "start"), [(0.6, "linear head"), (0.8, "last block")])
def test_all_layers_start_from_the_best_candidate_before(
    monkeypatch: pytest.MonkeyPatch, accuracy: float, start: str
) -> None:
    state = make_state(starts_quick=True)
    bias, starts = state.setup.model.head.bias, []

    def mark(value: float, accuracies: tuple[float, ...]) -> Generator[Event, None, None]:
        nn.init.constant_(bias, value)
        return _epochs(state, accuracies)

    def make_quick_phase(_: TrainState) -> Generator[Event, None, object]:
        yield from ()
        return SimpleNamespace(kind="quick")

    def run_phase(_: TrainState, phase: SimpleNamespace, *_rest: object) -> Generator[Event, None, None]:
        if phase.kind == "quick":
            return mark(2.0, (accuracy,))
        starts.append({1.0: "linear head", 2.0: "last block"}[bias[0].item()])
        return _epochs(state, (0.5,))

    monkeypatch.setattr("engine.ml.training.race.make_quick_phase", make_quick_phase)
    monkeypatch.setattr("engine.ml.training.race.make_image_phase", make_phase)
    monkeypatch.setattr("engine.ml.training.race.run_phase", run_phase)
    monkeypatch.setattr("engine.ml.training.race.fit_head", lambda *_: mark(1.0, (0.7,)))
    run_to_end(run_race(state, SimpleNamespace(), None))  # type: ignore[arg-type]
    assert starts == [start]


def test_a_candidate_without_an_epoch_is_not_listed(race: Callable[..., list[Event]]) -> None:
    events = race({"head": (0.7,), "quick": (0.8,), "full": ()})
    assert [name for name, _, _ in _candidates(events)] == ["SE-ResNet, linear head", "SE-ResNet, last block"]
