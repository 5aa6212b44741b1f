"""Learn from one batch."""

import torch
from torch import Tensor, nn

from engine.core.errors import EngineError
from engine.ml.loading.loader import Batch
from engine.ml.loading.mixup import mix_batch
from engine.ml.runtime import distributed
from engine.ml.runtime.memory import free_memory, is_out_of_memory
from engine.ml.training.phases import Phase
from engine.ml.training.state import TrainState


def train_step(session: TrainState, phase: Phase, batch: Batch, seed: int) -> Tensor:
    """Learn from one batch; return sums over its images of loss, weight of the predicted label, and 1.

    The loss told is the cross-entropy without label smoothing, so that it can be held against validation's. Where
    memory does not hold the batch, it is cut in halves whose gradients are added up. Raises EngineError where memory
    does not even hold a single image.
    """
    setup, augment = session.setup, session.config.augment
    inputs, targets = _to_input(session, phase, batch)
    if phase.feed.uses_mixup:
        generator = torch.Generator().manual_seed(seed)
        inputs, targets = mix_batch(
            inputs, targets, augment.mixup_alpha, augment.cutmix_alpha, augment.mix_switch, generator
        )
    num_images = distributed.all_reduce_sum(len(batch.samples))
    while (sums := _try_backward(session, phase, inputs, targets, num_images)) is None:
        _split_batch(session, len(inputs))
    _optimizer_step(session, phase)
    session.num_steps_done += 1
    if session.averaged is not None:
        session.averaged.update_parameters(setup.model)
    return sums


def _to_input(session: TrainState, phase: Phase, batch: Batch) -> tuple[Tensor, Tensor]:
    setup, num_classes = session.setup, len(session.dataset.classes)
    if batch.samples:
        targets = nn.functional.one_hot(batch.labels, num_classes).float()
        return phase.feed.to_input(batch), targets.to(setup.device)
    # The other processes wait for this one's gradients, though none of its images could be read
    size = setup.preprocessing.image_size
    return (
        torch.zeros(2, 3, size, size, device=setup.device),
        torch.zeros(2, num_classes, device=setup.device),
    )


def _try_backward(
    session: TrainState, phase: Phase, inputs: Tensor, targets: Tensor, num_images: float
) -> Tensor | None:
    """Return None where memory does not hold it; what failed is forgotten by then."""
    try:
        return _backward(session, phase, inputs, targets, num_images)
    except (RuntimeError, MemoryError) as error:
        if not is_out_of_memory(error):
            raise
        return None


def _backward(session: TrainState, phase: Phase, inputs: Tensor, targets: Tensor, num_images: float) -> Tensor:
    setup, smoothing = session.setup, session.config.training.label_smoothing
    phase.optimizer.zero_grad(set_to_none=True)
    sums = torch.zeros(3, device=setup.device)
    parts = zip(inputs.tensor_split(session.accumulation_steps), targets.tensor_split(session.accumulation_steps))
    for some_inputs, some_targets in parts:
        with torch.autocast(setup.device.type, setup.dtype, enabled=setup.dtype != torch.float32):
            logits = phase.feed.forward(some_inputs)
        logits = logits.float()
        loss = _training_loss(logits, some_targets, smoothing, session.class_weights)
        # Gradients are averaged over processes and added up over parts
        share = loss * (distributed.world_size() / num_images)
        setup.scaler.scale(share).backward()  # type: ignore[no-untyped-call]
        with torch.no_grad():
            plain_loss = nn.functional.cross_entropy(logits, some_targets, reduction="sum")
            right = some_targets.gather(1, logits.argmax(1, keepdim=True)).sum()
            sums += torch.stack((plain_loss, right, some_targets.sum()))
    return sums


def _training_loss(logits: Tensor, targets: Tensor, smoothing: float, class_weights: Tensor | None) -> Tensor:
    """Return the sum of cross-entropies; a mixed image counts the weights of its classes by their shares."""
    if class_weights is None:
        return nn.functional.cross_entropy(logits, targets, label_smoothing=smoothing, reduction="sum")
    losses = nn.functional.cross_entropy(logits, targets, label_smoothing=smoothing, reduction="none")
    return (losses * (targets @ class_weights)).sum()


def _optimizer_step(session: TrainState, phase: Phase) -> None:
    scaler, optimizer, clip_norm = session.setup.scaler, phase.optimizer, session.config.optim.clip_norm
    if clip_norm:
        scaler.unscale_(optimizer)
        nn.utils.clip_grad_norm_((p for group in optimizer.param_groups for p in group["params"]), clip_norm)
    scaler.step(optimizer)
    scaler.update()


def _split_batch(session: TrainState, num_images: int) -> None:
    if distributed.world_size() > 1 or num_images < 4 * session.accumulation_steps:
        raise EngineError(
            "There is not enough memory to train with these settings. Choose a smaller batch or image size, or a "
            "smaller network."
        )
    session.accumulation_steps *= 2
    free_memory()
    session.notices.append(
        f"A batch of {num_images} images does not fit into memory. It is now split into {session.accumulation_steps} "
        "parts; only BatchNorm statistics differ."
    )
