"""Tests of the choice between networks within a time budget."""

from collections.abc import Callable, Generator, Mapping
from pathlib import Path

import pytest

from engine.config.network_names import network_name
from engine.config.settings import RunConfig
from engine.core.event_stream import run_to_end
from engine.core.events import CandidateDone, EpochDone, Event, RunStarted, ValScores
from engine.data.dataset import Dataset
from engine.ml.training import choose_network as module
from engine.ml.training.choose_network import Trial, choose_network
from engine.runs.run_folder import Run
from tests.engine.ml.training.tiny_state import make_state
from tests.engine.ml.training.training_runs import TINY, epochs_of, fit_run, make_dataset

CONFIG = (
    RunConfig().changed("model", backbone="efficientnet_lite0", weights="default").changed("training", budget="100s")
)
INCLUDED = TINY.changed("model", backbone="efficientnet_lite0", weights="default").changed("data", image_size=32)


@pytest.fixture
def choose(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[..., tuple[str, list[str]]]:
    """Return a function that chooses between scripted trials and returns the choice and the networks it tried."""

    def run(accuracies: Mapping[str, float], seconds: Mapping[str, float] | None = None) -> tuple[str, list[str]]:
        now, tried = [0.0], []

        def try_one(config: RunConfig, *_: object) -> Generator[Event, None, Trial]:
            yield from ()
            name = config.model.backbone
            tried.append(name)
            now[0] += (seconds or {}).get(name, 1.0)
            state = make_state()
            state.run = Run(tmp_path / name)
            state.run.path.mkdir()
            state.run.model_path.write_bytes(name.encode())
            state.run.results_path.write_bytes(b"")
            state.stopping.update(1, ValScores(loss=1.0, accuracy=accuracies[name]))
            return Trial(config, state)

        monkeypatch.setattr(module, "_try", try_one)
        monkeypatch.setattr(module.time, "monotonic", lambda: now[0])
        others = tuple(name for name in accuracies if name != CONFIG.model.backbone)
        config = CONFIG.changed("model", candidates=others)
        trial = run_to_end(choose_network(config, Dataset(Path(), (), ()), Run(tmp_path)))
        assert trial.config.model.candidates == ()
        return trial.config.model.backbone, tried

    return run


def test_the_network_with_the_best_validation_accuracy_is_chosen(choose: Callable[..., tuple[str, list[str]]]) -> None:
    name, tried = choose({"efficientnet_lite0": 0.8, "resnet18": 0.9, "mobilenet_v2": 0.85})
    assert (name, tried) == ("resnet18", ["efficientnet_lite0", "resnet18", "mobilenet_v2"])


def test_of_equal_networks_that_of_the_settings_is_kept(choose: Callable[..., tuple[str, list[str]]]) -> None:
    assert choose({"efficientnet_lite0": 0.8, "resnet18": 0.8})[0] == "efficientnet_lite0"


def test_a_network_that_is_too_slow_for_the_time_budget_is_not_tried(
    choose: Callable[..., tuple[str, list[str]]],
) -> None:
    # resnet152 has 30 times the multiply-adds, and 28 s are left of the 30 s for trials
    _, tried = choose({"efficientnet_lite0": 0.8, "resnet152": 0.9, "mobilenet_v2": 0.7}, {"efficientnet_lite0": 2.0})
    assert tried == ["efficientnet_lite0", "mobilenet_v2"]


def test_no_network_is_tried_after_the_time_for_trials(choose: Callable[..., tuple[str, list[str]]]) -> None:
    _, tried = choose({"efficientnet_lite0": 0.8, "se_resnet": 0.9}, {"efficientnet_lite0": 31.0})
    assert tried == ["efficientnet_lite0"]


@pytest.mark.parametrize("accuracies", [(0.8, 0.9), (0.9, 0.8)])
def test_the_model_of_the_best_trial_is_in_the_run_folder(
    choose: Callable[..., tuple[str, list[str]]], tmp_path: Path, accuracies: tuple[float, float]
) -> None:
    name, _ = choose(dict(zip(("efficientnet_lite0", "se_resnet"), accuracies)))
    assert Run(tmp_path).model_path.read_bytes() == name.encode()


def test_no_other_network_is_tried_if_all_validation_images_are_correct(
    choose: Callable[..., tuple[str, list[str]]],
) -> None:
    assert choose({"efficientnet_lite0": 1.0, "resnet18": 0.9}) == ("efficientnet_lite0", ["efficientnet_lite0"])


@pytest.mark.parametrize("winner", ["efficientnet_lite0", "se_resnet"])
def test_a_run_continues_with_the_chosen_network_and_stores_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, winner: str
) -> None:
    if winner == "se_resnet":  # so that the tiny network from scratch can be better
        monkeypatch.setattr(module, "fit_head", lambda *_: iter(()))
    monkeypatch.setattr("engine.config.presets.TINY_SIDE", 16)
    dataset = make_dataset(tmp_path / "data")
    config = INCLUDED.changed("model", candidates=("se_resnet",)).changed("training", budget="20s")
    run, events = fit_run(dataset, config.changed("training", early_stopping=2), tmp_path / "run")
    names = {event.name.partition(",")[0] for event in events if isinstance(event, CandidateDone)}
    assert names == {network_name(winner)}
    assert run.config.model.backbone == winner
    assert run.config.model.candidates == ()
    assert next(type(event) for event in events if isinstance(event, RunStarted | EpochDone)) is RunStarted
    assert [epoch.epoch for epoch in epochs_of(events)] == list(range(1, len(epochs_of(events)) + 1))
    assert not list(run.path.glob(".trial-*"))
