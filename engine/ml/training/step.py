"""One training step on one batch."""

import torch
from torch import Tensor, nn

from engine.core.errors import EngineError
from engine.ml.loading.loader import Batch
from engine.ml.loading.mixup import mix_batch
from engine.ml.runtime import distributed
from engine.ml.runtime.memory import free_memory, is_out_of_memory
from engine.ml.training.phases import Phase
from engine.ml.training.state import TrainState


def train_step(state: TrainState, phase: Phase, batch: Batch, seed: int) -> Tensor:
    """Run one training step: forward, backward, optimizer step, EMA update.

    A batch that does not fit into memory is split, and the gradients of its parts are added up.

    Args:
        state: The state of the run. Its model, EMA and `accumulation_steps` change.
        phase: Gives batch source and optimizer.
        batch: Training batch of this process; may be empty under DDP.
        seed: Seed of MixUp and CutMix for this step.

    Returns:
        Sums over the images of this process, float32, shape (3,), on the device: cross-entropy, target weight of the
        predicted class, number of images. The cross-entropy has no label smoothing and no class weights, so that it is
        comparable with that of validation.

    Raises:
        EngineError: If even a single image does not fit into memory.
    """
    setup, options = state.setup, state.setup.step
    inputs, targets = _to_input(state, phase, batch)
    if phase.source.uses_mixup:
        generator = torch.Generator().manual_seed(seed)
        inputs, targets = mix_batch(
            inputs, targets, options.mixup_alpha, options.cutmix_alpha, options.cutmix_probability, generator
        )
    num_images = distributed.all_reduce_sum(len(batch.samples))
    while (sums := _try_backward(state, phase, inputs, targets, num_images)) is None:
        _split_batch(state, len(inputs))
    _optimizer_step(phase.optimizer, setup.scaler, options.clip_norm)
    state.num_steps_done += 1
    if state.averaged is not None:
        state.averaged.update_parameters(setup.model)
    return sums


def _to_input(state: TrainState, phase: Phase, batch: Batch) -> tuple[Tensor, Tensor]:
    """Return inputs (N, ...) and one-hot targets (N, K), both float32 on the device."""
    setup, num_classes = state.setup, len(state.dataset.classes)
    if batch.samples:
        targets = nn.functional.one_hot(batch.labels, num_classes).float()
        return phase.source.to_input(batch), targets.to(setup.device)
    # None of the images could be read, but the other processes wait for gradients: zero targets give zero gradients
    size = setup.preprocessing.image_size
    return (
        torch.zeros(2, 3, size, size, device=setup.device),
        torch.zeros(2, num_classes, device=setup.device),
    )


def _try_backward(state: TrainState, phase: Phase, inputs: Tensor, targets: Tensor, num_images: float) -> Tensor | None:
    """Return the result of `_backward`, or None if memory is not sufficient; the failed tensors are freed by then."""
    try:
        return _backward(state, phase, inputs, targets, num_images)
    except (RuntimeError, MemoryError) as error:
        if not is_out_of_memory(error):
            raise
        return None


def _backward(state: TrainState, phase: Phase, inputs: Tensor, targets: Tensor, num_images: float) -> Tensor:
    """Compute gradients of the mean loss over `num_images` (of all processes); return the sums of `train_step`."""
    setup, num_parts = state.setup, state.accumulation_steps
    phase.optimizer.zero_grad()
    sums = torch.zeros(3, device=setup.device)
    for part_inputs, part_targets in zip(inputs.tensor_split(num_parts), targets.tensor_split(num_parts)):
        with torch.autocast(setup.device.type, setup.dtype, enabled=setup.dtype != torch.float32):
            logits = phase.source.forward(part_inputs)
        logits = logits.float()
        loss = _training_loss(logits, part_targets, setup.step.label_smoothing, state.class_weights)
        # DDP averages gradients over processes, and backward() adds them up over parts
        scaled_loss = loss * (distributed.world_size() / num_images)
        setup.scaler.scale(scaled_loss).backward()  # type: ignore[no-untyped-call]
        with torch.no_grad():
            cross_entropy = nn.functional.cross_entropy(logits, part_targets, reduction="sum")
            correct = part_targets.gather(1, logits.argmax(1, keepdim=True)).sum()
            sums += torch.stack((cross_entropy, correct, part_targets.sum()))
    return sums


def _training_loss(logits: Tensor, targets: Tensor, smoothing: float, class_weights: Tensor | None) -> Tensor:
    """Return the sum of cross-entropies; a mixed image has the mean of its classes' weights, weighted by target."""
    if class_weights is None:
        return nn.functional.cross_entropy(logits, targets, label_smoothing=smoothing, reduction="sum")
    losses = nn.functional.cross_entropy(logits, targets, label_smoothing=smoothing, reduction="none")
    return (losses * (targets @ class_weights)).sum()


def _optimizer_step(optimizer: torch.optim.Optimizer, scaler: torch.amp.GradScaler, clip_norm: float) -> None:
    """Clip the global gradient norm to `clip_norm` (0: no clipping), then update the parameters."""
    if clip_norm:
        scaler.unscale_(optimizer)
        nn.utils.clip_grad_norm_((p for group in optimizer.param_groups for p in group["params"]), clip_norm)
    scaler.step(optimizer)
    scaler.update()


def _split_batch(state: TrainState, num_images: int) -> None:
    """Double the number of parts that a batch is split into, and warn the user."""
    if distributed.world_size() > 1 or num_images < 4 * state.accumulation_steps:
        raise EngineError(
            "There is not enough memory to train with these settings. Choose a smaller batch size, image size or "
            "network."
        )
    state.accumulation_steps *= 2
    free_memory()
    state.notices.append(
        f"A batch of {num_images} images does not fit into memory. It is now split into {state.accumulation_steps} "
        "parts; only BatchNorm statistics differ."
    )
