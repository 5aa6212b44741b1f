"""Tests of one training step, on a tiny network."""

import copy
from dataclasses import replace

import pytest
import torch
from torch import Tensor, nn

from engine.audit.class_balance import class_weights
from engine.core.errors import EngineError
from engine.ml.loading.loader import Batch
from engine.ml.models.build import Classifier
from engine.ml.runtime.precision import PrecisionChoice
from engine.ml.training.options import StepOptions
from engine.ml.training.step import _backward, _optimizer_step, _split_batch, _training_loss, train_step
from tests.engine.ml.training.tiny_state import LABELS, make_batch, make_phase, make_state

LOGITS = torch.randn(6, 3, generator=torch.Generator().manual_seed(0))
TARGETS = nn.functional.one_hot(torch.tensor(LABELS), 3).float()
WEIGHTS = torch.tensor([2.0, 1.0, 0.5])


def _expected_gradients(model: Classifier, **loss_options: object) -> list[Tensor]:
    """Return the gradients of torch's own cross-entropy, summed and divided by the number of images."""
    model = copy.deepcopy(model)
    logits = model(make_batch().inputs)
    loss = nn.functional.cross_entropy(logits, torch.tensor(LABELS), reduction="sum", **loss_options)  # type: ignore[arg-type]
    return list(torch.autograd.grad(loss / len(LABELS), list(model.parameters())))


def _copies(model: nn.Module) -> list[Tensor]:
    return [parameter.detach().clone() for parameter in model.parameters()]


def _norm(tensors: list[Tensor]) -> float:
    return float(torch.cat([tensor.flatten() for tensor in tensors]).norm())


def _step_update(step: StepOptions, weights: Tensor | None = None) -> tuple[list[Tensor], list[Tensor], Tensor]:
    """Run a step with learning rate 1; return what it subtracted, the unchanged parameters and the sums."""
    state = make_state(step)
    state.class_weights = weights
    before = _copies(state.setup.model)
    sums = train_step(state, make_phase(state), make_batch(), seed=0)
    updates = [old - new for old, new in zip(before, _copies(state.setup.model))]
    return updates, before, sums


def test_a_step_of_sgd_subtracts_the_gradient_of_the_mean_cross_entropy() -> None:
    expected = _expected_gradients(make_state().setup.model)
    torch.testing.assert_close(_step_update(StepOptions())[0], expected, rtol=1e-4, atol=1e-6)


def test_class_weights_scale_the_gradient_of_each_class() -> None:
    expected = _expected_gradients(make_state().setup.model, weight=WEIGHTS)
    torch.testing.assert_close(_step_update(StepOptions(), WEIGHTS)[0], expected, rtol=1e-4, atol=1e-6)


def test_label_smoothing_changes_the_gradient_as_torch_does() -> None:
    expected = _expected_gradients(make_state().setup.model, label_smoothing=0.3)
    torch.testing.assert_close(_step_update(StepOptions(label_smoothing=0.3))[0], expected, rtol=1e-4, atol=1e-6)


def test_the_gradient_is_clipped_to_the_norm_and_0_turns_clipping_off() -> None:
    unclipped = _norm(_step_update(StepOptions(clip_norm=0.0))[0])
    assert unclipped > 0.1
    assert _norm(_step_update(StepOptions(clip_norm=0.1))[0]) == pytest.approx(0.1, rel=1e-3)
    assert _norm(_step_update(StepOptions(clip_norm=1e3))[0]) == pytest.approx(unclipped, rel=1e-3)


def test_the_optimizer_step_clips_the_global_norm_of_all_parameters() -> None:
    weights = [nn.Parameter(torch.zeros(1)) for _ in range(2)]
    weights[0].grad, weights[1].grad = torch.tensor([3.0]), torch.tensor([4.0])
    optimizer = torch.optim.SGD(weights, lr=1.0)
    _optimizer_step(optimizer, torch.amp.GradScaler("cpu", enabled=False), clip_norm=1.0)
    assert [weight.item() for weight in weights] == pytest.approx([-0.6, -0.8], rel=1e-4)


def test_ema_weights_follow_the_model_with_their_decay() -> None:
    state = make_state(ema_decay=0.75)
    phase = make_phase(state)
    train_step(state, phase, make_batch(), seed=0)
    first = _copies(state.setup.model)
    train_step(state, phase, make_batch(), seed=0)
    second = _copies(state.setup.model)
    assert state.eval_model is not state.setup.model
    expected = [0.75 * old + 0.25 * new for old, new in zip(first, second)]
    torch.testing.assert_close(_copies(state.eval_model), expected)


def test_without_ema_the_trained_model_is_validated() -> None:
    state = make_state(ema_decay=0.0)
    assert state.eval_model is state.setup.model


@pytest.mark.parametrize(
    ("step", "weights"), [(StepOptions(), None), (StepOptions(label_smoothing=0.3), None), (StepOptions(), WEIGHTS)]
)
def test_the_sums_are_cross_entropy_without_smoothing_or_weights_correct_images_and_images(
    step: StepOptions, weights: Tensor | None
) -> None:
    sums = _step_update(step, weights)[2]
    logits = make_state().setup.model(make_batch().inputs)
    labels = torch.tensor(LABELS)
    loss = nn.functional.cross_entropy(logits, labels, reduction="sum")
    expected = torch.stack((loss, (logits.argmax(1) == labels).sum().float(), torch.tensor(6.0)))
    torch.testing.assert_close(sums, expected.detach())


def test_mixed_images_count_as_correct_by_the_target_weight_of_the_prediction() -> None:
    state = make_state(StepOptions(mixup_alpha=1.0))
    phase = make_phase(state)
    phase.source.uses_mixup = True
    correct = train_step(state, phase, make_batch(), seed=0)[1].item()
    assert correct != pytest.approx(round(correct), abs=1e-4)


def test_a_split_batch_has_the_same_gradient_as_a_whole_one() -> None:
    gradients = []
    for accumulation_steps in (1, 2):
        state = make_state()
        state.accumulation_steps = accumulation_steps
        state.setup.model.eval()  # BatchNorm statistics of a part differ from those of the batch
        phase = make_phase(state)
        _backward(state, phase, make_batch().inputs, TARGETS, num_images=6)
        gradients.append([parameter.grad for parameter in state.setup.model.parameters()])
    torch.testing.assert_close(*gradients)


def test_a_batch_that_does_not_fit_into_memory_is_split_with_a_warning(monkeypatch: pytest.MonkeyPatch) -> None:
    _limit_memory(3, monkeypatch)
    state = make_state()
    sums = train_step(state, make_phase(state), make_batch(), seed=0)
    assert state.accumulation_steps == 2
    assert state.num_steps_done == 1
    assert sums[2] == 6
    assert len(state.notices) == 1
    assert "split into 2 parts" in state.notices[0]


def test_an_error_is_raised_if_no_part_fits_into_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    _limit_memory(0, monkeypatch)
    state = make_state()
    with pytest.raises(EngineError, match="not enough memory"):
        train_step(state, make_phase(state), make_batch(), seed=0)


def _limit_memory(max_images: int, monkeypatch: pytest.MonkeyPatch) -> None:
    real = Classifier.forward

    def forward(self: Classifier, x: Tensor) -> Tensor:
        if len(x) > max_images:
            raise torch.OutOfMemoryError("out of memory")
        return real(self, x)

    monkeypatch.setattr(Classifier, "forward", forward)


def test_the_weighted_loss_equals_that_of_torch() -> None:
    expected = nn.functional.cross_entropy(LOGITS, torch.tensor(LABELS), WEIGHTS, reduction="sum")
    assert _training_loss(LOGITS, TARGETS, 0.0, WEIGHTS).item() == pytest.approx(expected.item(), rel=1e-5)


def test_class_weights_of_1_change_nothing_with_label_smoothing() -> None:
    unweighted, weighted = (_training_loss(LOGITS, TARGETS, 0.1, weights) for weights in (None, torch.ones(3)))
    assert weighted.item() == pytest.approx(unweighted.item(), rel=1e-6)


def test_a_mixed_image_has_the_mean_of_its_class_weights() -> None:
    weights = torch.tensor([4.0, 1.0, 1.0])
    mixed = torch.tensor([[0.75, 0.25, 0.0]])
    unweighted = _training_loss(LOGITS[:1], mixed, 0.0, None)
    assert _training_loss(LOGITS[:1], mixed, 0.0, weights).item() == pytest.approx(3.25 * unweighted.item(), rel=1e-5)


def test_with_class_weights_the_gradients_of_unequal_classes_cancel_at_equal_logits() -> None:
    targets = nn.functional.one_hot(torch.tensor([0] * 9 + [1]), 2).float()
    logits = torch.zeros(10, 2, requires_grad=True)
    _training_loss(logits, targets, 0.0, torch.tensor(class_weights([9, 1]))).backward()
    assert logits.grad is not None
    assert logits.grad.sum(0).abs().max() < 1e-6


def test_the_gradient_is_unscaled_before_it_is_clipped() -> None:
    weight = nn.Parameter(torch.zeros(1))
    optimizer = torch.optim.SGD([weight], lr=1.0)
    scaler = torch.amp.GradScaler("cpu", init_scale=8.0)
    scaler.scale(0.5 * weight.sum()).backward()
    _optimizer_step(optimizer, scaler, clip_norm=1.0)
    assert weight.item() == pytest.approx(-0.5)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16])
def test_the_forward_pass_runs_in_the_precision_of_the_run(dtype: torch.dtype, monkeypatch: pytest.MonkeyPatch) -> None:
    state = make_state()
    state.setup = replace(state.setup, precision=PrecisionChoice(dtype, "as set"))
    phase = make_phase(state)
    logits: list[Tensor] = []
    forward = phase.source.forward

    def record(inputs: Tensor) -> Tensor:
        logits.append(forward(inputs))
        return logits[-1]

    monkeypatch.setattr(phase.source, "forward", record)
    sums = train_step(state, phase, make_batch(), seed=0)
    assert logits[0].dtype == dtype
    assert sums.dtype == torch.float32


def _mixed_inputs(seed: int, cutmix_probability: float = 0.0) -> Tensor:
    """Return the inputs of a step with MixUp and CutMix."""
    state = make_state(StepOptions(mixup_alpha=1.0, cutmix_alpha=1.0, cutmix_probability=cutmix_probability))
    phase = make_phase(state)
    phase.source.uses_mixup = True
    inputs: list[Tensor] = []
    forward = phase.source.forward
    phase.source.forward = lambda x: inputs.append(x) or forward(x)  # type: ignore[method-assign, func-returns-value]
    train_step(state, phase, make_batch(), seed)
    return inputs[0]


def test_images_are_mixed_by_the_seed_of_the_step() -> None:
    assert torch.equal(_mixed_inputs(seed=1), _mixed_inputs(seed=1))
    assert not torch.equal(_mixed_inputs(seed=1), _mixed_inputs(seed=2))


def test_the_cutmix_probability_chooses_between_blended_and_pasted_images() -> None:
    pixels = make_batch().inputs
    blended, pasted = _mixed_inputs(seed=1, cutmix_probability=0.0), _mixed_inputs(seed=1, cutmix_probability=1.0)
    assert not torch.isin(blended, pixels).any()
    assert torch.isin(pasted, pixels).all()


def test_the_optimizer_steps_of_a_run_are_counted() -> None:
    state = make_state()
    phase = make_phase(state)
    for _ in range(2):
        train_step(state, phase, make_batch(), seed=0)
    assert state.num_steps_done == 2


def test_a_batch_does_not_need_images_of_the_last_class() -> None:
    state = make_state()
    assert train_step(state, make_phase(state), make_batch([0, 1, 0]), seed=0)[2] == 3


def test_an_empty_batch_of_one_process_adds_zero_gradients_to_those_of_the_others(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("engine.ml.runtime.distributed.all_reduce_sum", lambda number: number + 6)
    state = make_state()
    before = _copies(state.setup.model)
    empty = Batch(torch.empty(0), torch.empty(0, dtype=torch.int64), ())
    sums = train_step(state, make_phase(state), empty, seed=0)
    assert sums.tolist() == [0.0, 0.0, 0.0]
    assert all(parameter.grad is not None for parameter in state.setup.model.parameters())
    torch.testing.assert_close(_copies(state.setup.model), before)


@pytest.mark.parametrize(("num_images", "num_parts"), [(4, 1), (8, 2), (12, 3)])
def test_a_batch_is_split_as_long_as_each_half_of_a_part_has_two_images(num_images: int, num_parts: int) -> None:
    state = make_state()
    state.accumulation_steps = num_parts
    _split_batch(state, num_images)
    assert state.accumulation_steps == 2 * num_parts
    state.accumulation_steps = num_parts
    with pytest.raises(EngineError, match="Choose a smaller batch size"):
        _split_batch(state, num_images - 1)


def test_a_batch_is_not_split_under_ddp_because_all_processes_must_do_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("engine.ml.runtime.distributed.world_size", lambda: 2)
    with pytest.raises(EngineError, match="not enough memory"):
        _split_batch(make_state(), 100)


def test_under_ddp_the_loss_of_each_process_is_scaled_so_that_the_averaged_gradient_is_that_of_all_images(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("engine.ml.runtime.distributed.world_size", lambda: 2)
    monkeypatch.setattr("engine.ml.runtime.distributed.all_reduce_sum", lambda number: 2 * number)
    expected = _expected_gradients(make_state().setup.model)
    torch.testing.assert_close(_step_update(StepOptions())[0], expected, rtol=1e-4, atol=1e-6)


def test_an_error_of_the_network_that_is_not_about_memory_is_not_hidden(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> Tensor:
        raise RuntimeError("a bug")

    monkeypatch.setattr(Classifier, "forward", fail)
    state = make_state()
    with pytest.raises(RuntimeError, match="a bug"):
        train_step(state, make_phase(state), make_batch(), seed=0)
