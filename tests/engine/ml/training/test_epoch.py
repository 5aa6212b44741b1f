"""Tests of one epoch of training, on a tiny network."""

import math
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from torch import Tensor

from engine.core.errors import EngineError
from engine.core.event_stream import run_to_end
from engine.core.events import Progress, Warned
from engine.ml.loading.loader import Batch
from engine.ml.runtime.errors import DivergedError
from engine.ml.training.epoch import save_checkpoint, train_epoch, unreadable_warnings
from engine.ml.training.phases import Phase
from engine.ml.training.state import TrainState
from engine.results.evaluation import Unreadable
from tests.engine.ml.training.tiny_epoch import make_batches_phase, run_epoch
from tests.engine.ml.training.tiny_state import make_batch, make_phase, make_state


def _norm_statistics(state: TrainState) -> list[Tensor]:
    norm = state.setup.model.backbone[1]  # type: ignore[index]
    return [norm.running_mean.clone(), norm.running_var.clone()]  # type: ignore[union-attr, operator]


@pytest.mark.parametrize("freezes_norms", [True, False])
def test_batchnorm_statistics_change_unless_the_phase_freezes_them(freezes_norms: bool) -> None:
    state = make_state()
    before = _norm_statistics(state)
    weight = state.setup.model.head.weight.detach().clone()
    run_epoch(state, make_phase(state, freezes_norms=freezes_norms))
    is_unchanged = all(torch.equal(old, new) for old, new in zip(before, _norm_statistics(state)))
    assert is_unchanged == freezes_norms
    assert not torch.equal(weight, state.setup.model.head.weight), "the weights are trained in both cases"


def test_the_scores_are_means_over_the_images_of_the_epoch() -> None:
    state = make_state()
    scores, _ = run_epoch(state, make_phase(state))
    loss, correct, num_images = state.sums.tolist()
    assert num_images == 6
    assert (scores.loss, scores.accuracy) == pytest.approx((loss / 6, correct / 6))
    assert state.num_batches_done == 1


def test_batches_that_were_trained_on_before_an_interruption_are_skipped() -> None:
    state = make_state()
    state.num_batches_done = 1
    state.sums = torch.tensor([6.0, 3.0, 6.0])
    before = state.setup.model.head.weight.detach().clone()
    scores, _ = run_epoch(state, make_phase(state))
    assert (scores.loss, scores.accuracy) == (1.0, 0.5)
    assert torch.equal(before, state.setup.model.head.weight)


def test_each_step_uses_the_learning_rate_of_the_schedule(monkeypatch: pytest.MonkeyPatch) -> None:
    state = make_state()
    phase = make_phase(state, lr=0.5)
    monkeypatch.setattr(Phase, "lr_factor", lambda _, steps_done: 0.25 / (1 + steps_done))
    run_epoch(state, phase, phase_epoch=1)
    assert phase.optimizer.param_groups[0]["lr"] == pytest.approx(0.5 * 0.25 / 2)


def test_notices_of_the_state_become_warnings() -> None:
    state = make_state(labels=[0] * 40 + [1] * 6 + [2] * 6, balance="auto")
    (notice,) = state.notices
    _, events = run_epoch(state, make_phase(state))
    assert [event.message for event in events if isinstance(event, Warned)] == [notice]
    assert not state.notices


@pytest.mark.parametrize(("epoch", "loss"), [(0, float("nan")), (1, 6 * 20.0)])
def test_a_loss_that_is_not_finite_or_far_above_guessing_is_a_diverged_run(epoch: int, loss: float) -> None:
    state = make_state()
    state.epoch, state.num_batches_done = epoch, 1
    state.sums = torch.tensor([loss, 3.0, 6.0])
    with pytest.raises(DivergedError, match="lower learning rate"):
        run_epoch(state, make_phase(state))


def test_the_batches_of_the_next_epoch_are_requested_from_the_first_one_that_is_left() -> None:
    state = make_state()
    state.epoch, state.num_batches_done = 4, 1
    phase = make_batches_phase(state, make_batch(), make_batch())
    run_epoch(state, phase)
    assert phase.source.requests == [(5, 1)]  # type: ignore[attr-defined]
    assert state.num_batches_done == 2


@pytest.mark.parametrize(("kind", "is_trained"), [("full", True), ("head", False), ("quick", False)])
def test_the_frozen_backbone_stays_in_eval_mode_unless_all_layers_are_trained(kind: str, is_trained: bool) -> None:
    state = make_state()
    phase = make_phase(state)
    phase.kind = kind  # type: ignore[assignment]
    state.setup.model.eval()
    run_epoch(state, phase)
    assert state.setup.model.backbone.training == is_trained
    assert state.setup.model.head.training


def test_the_schedule_counts_the_steps_of_all_epochs_of_the_phase(monkeypatch: pytest.MonkeyPatch) -> None:
    steps: list[int] = []
    monkeypatch.setattr(Phase, "lr_factor", lambda _, steps_done: steps.append(steps_done) or 1.0)  # type: ignore[func-returns-value]
    state = make_state()
    phase = make_batches_phase(state, make_batch(), make_batch())
    phase.batch_size = 3
    run_epoch(state, phase, phase_epoch=2)
    state.num_batches_done = 1
    run_epoch(state, phase, phase_epoch=2)
    assert steps == [4, 5, 5]


def test_a_batch_of_two_images_is_trained_on_and_one_of_a_single_image_is_not() -> None:
    state = make_state()
    run_epoch(state, make_batches_phase(state, make_batch([0, 1]), make_batch([0])))
    assert state.num_steps_done == 1
    assert state.sums[2] == 2


def test_under_ddp_a_process_with_one_image_takes_part_in_the_step(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("engine.ml.runtime.distributed.world_size", lambda: 2)
    for name in ("all_reduce_", "all_reduce_sum", "broadcast_from_rank0"):
        monkeypatch.setattr(f"engine.ml.runtime.distributed.{name}", lambda value: value)
    state = make_state()
    _, events = run_epoch(state, make_batches_phase(state, make_batch([0]), num_samples=2))
    assert state.num_steps_done == 1
    assert [event.done for event in events if isinstance(event, Progress)] == [2], "the other process has an image too"


def test_the_seed_of_a_step_depends_on_the_seed_of_the_run_the_epoch_and_the_step(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def seeds(seed: int, epoch: int, first: int = 0) -> list[int]:
        state = make_state(seed=seed)
        state.epoch, state.num_batches_done, state.sums = epoch, first, torch.ones(3)
        recorded: list[int] = []
        monkeypatch.setattr(
            "engine.ml.training.epoch.train_step",
            lambda *_, seed: recorded.append(seed) or torch.ones(3),  # type: ignore[func-returns-value]
        )
        run_epoch(state, make_batches_phase(state, make_batch(), make_batch()))
        return recorded

    assert seeds(0, 0) == seeds(0, 0)
    assert len({*seeds(0, 0), *seeds(1, 0), *seeds(0, 1)}) == 6
    assert seeds(0, 0, first=1) == seeds(0, 0)[1:], "a resumed epoch continues with the same seeds"


@pytest.mark.parametrize("is_due", [True, False])
def test_a_checkpoint_is_saved_after_a_step_when_it_is_due_within_an_epoch(is_due: bool) -> None:
    saved: list[tuple[TrainState, Phase, int, list[float]]] = []
    writer = SimpleNamespace(
        is_due=lambda at_epoch_end: is_due and at_epoch_end is False,
        save_checkpoint=lambda state, phase, sums: saved.append((state, phase, state.num_batches_done, sums.tolist())),
    )
    state = make_state()
    phase = make_phase(state)
    run_to_end(train_epoch(state, phase, 0, writer))  # type: ignore[arg-type]
    assert saved == ([(state, phase, 1, state.sums.tolist())] if is_due else [])


def test_only_the_first_process_writes_a_checkpoint_with_the_sums_of_all(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("engine.ml.runtime.distributed.all_reduce_", lambda sums: sums.mul_(2))
    writer = SimpleNamespace(save_checkpoint=lambda *arguments: str(arguments[-1].tolist()))
    state = make_state()
    state.sums = torch.ones(3)
    results = []
    for rank in (0, 1):
        monkeypatch.setattr("engine.ml.runtime.distributed.rank", lambda rank=rank: rank)
        results.append(save_checkpoint(state, make_phase(state), writer))  # type: ignore[arg-type]
    assert results == ["[2.0, 2.0, 2.0]", None]
    assert state.sums.tolist() == [1.0, 1.0, 1.0], "the sums of this process are unchanged"


def test_an_unreadable_image_gives_one_warning_with_its_path_and_the_reason(tmp_path: Path) -> None:
    state = make_state()
    state.dataset = replace(state.dataset, root=tmp_path)
    unreadable = tuple(Unreadable(path=f"{name}.png", reason="It is damaged.") for name in "ab")
    first = list(unreadable_warnings(state, unreadable[:1]))
    assert first == [Warned(message="Left out: It is damaged.", path="a.png")]
    assert [event.path for event in list(unreadable_warnings(state, unreadable))] == ["b.png"]  # type: ignore[union-attr]


def test_unreadable_images_whose_folder_is_gone_are_an_error(tmp_path: Path) -> None:
    state = make_state()
    state.dataset = replace(state.dataset, root=tmp_path / "gone")
    unreadable = (Unreadable(path="a.png", reason="It is missing."),)
    with pytest.raises(EngineError, match="Connect its drive") as failure:
        list(unreadable_warnings(state, unreadable))
    assert failure.value.path == tmp_path / "gone"


def test_an_epoch_without_any_readable_image_is_an_error_about_the_folder() -> None:
    state = make_state()
    state.dataset = replace(state.dataset, root=Path("images"))
    with pytest.raises(EngineError, match="None of the training images could be read") as failure:
        run_epoch(state, make_batches_phase(state))
    assert failure.value.path == Path("images")


@pytest.mark.parametrize(("epoch", "times_guessing"), [(0, 1000.0), (1, 9.9)])
def test_a_high_loss_is_accepted_in_the_first_epoch_and_below_the_limit_in_later_ones(
    epoch: int, times_guessing: float
) -> None:
    state = make_state()
    state.epoch = epoch
    state.sums = 6.0 * torch.tensor([times_guessing * math.log(3), 0.5, 1.0])
    scores, _ = run_epoch(state, make_batches_phase(state))
    assert (scores.accuracy, scores.plain_accuracy) == (0.5, 0.5)
    state.epoch, state.sums = 1, 6.0 * torch.tensor([10.1 * math.log(3), 0.5, 1.0])
    with pytest.raises(DivergedError):
        run_epoch(state, make_batches_phase(state))


@pytest.mark.parametrize(("kind", "adapts"), [("full", True), ("head", True), ("quick", False)])
def test_steps_adapt_the_number_of_threads_except_in_the_quick_phase(kind: str, adapts: bool) -> None:
    state, counted = make_state(), []

    def during(batches: Iterable[Batch], num_images: Callable[[Batch], int]) -> Iterator[Batch]:
        for batch in batches:
            yield batch
            counted.append(num_images(batch))

    state.threads = SimpleNamespace(during=during)  # type: ignore[assignment]
    phase = replace(make_batches_phase(state, make_batch(), make_batch((0, 1, 2))), kind=kind)  # type: ignore[arg-type]
    run_epoch(state, phase)
    assert counted == ([6, 3] if adapts else [])
    assert state.num_batches_done == 2
