"""Fit the head to cached features in closed form, as the first epoch of a run that starts from pretrained weights."""

import time
from collections.abc import Generator

import torch
from torch import Tensor, nn

from engine.core.events import Event, TrainScores
from engine.ml.evaluation.linear_head import fit_linear_head
from engine.ml.training.checkpoint_writer import CheckpointWriter
from engine.ml.training.feature_source import FeatureBatchSource
from engine.ml.training.phases import Phase
from engine.ml.training.run_phase import announce, finish_epoch
from engine.ml.training.state import TrainState
from engine.ml.training.validation import validate

_MIN_SIZE = 1e-3
"""Smallest root mean square of the values of an embedding; it is 0.1 to 1 for pretrained networks."""


def fit_head(state: TrainState, phase: Phase, writer: CheckpointWriter) -> Generator[Event, None, None]:
    """Replace the head by a linear discriminant analysis of the embeddings of the training images; counts as one epoch.

    A head for all classes from the start weights is kept, as it may have learnt from more images.

    Args:
        state: The state of the run; its head changes.
        phase: A phase on cached features. Its own epochs follow this one.
        writer: Writes the model.
    """
    assert isinstance(phase.source, FeatureBatchSource)
    started = time.monotonic()
    state.phase, phase.first_epoch = phase, state.epoch + 2
    yield from announce(state, phase)
    embeddings, labels, images = phase.source.train_embeddings()
    if not state.setup.has_head:
        replace_head(state, embeddings, labels, images)
    predictions = yield from validate(state, phase)
    scores = _score(state.setup.model.head, embeddings, labels)
    yield from finish_epoch(state, phase, writer, scores, predictions, started, lr=0.0)


def replace_head(state: TrainState, embeddings: Tensor, labels: Tensor, images: Tensor) -> None:
    """Fit the head to embeddings (N, D), float32, with classes (N,); `images` (N,) is equal for views of one image.

    The embeddings of some networks with random weights are tiny. A head fitted to them would have huge weights, with
    which training diverges, so the head stays as it is.
    """
    if embeddings.square().mean() < _MIN_SIZE**2:
        return
    head, num_classes = state.setup.model.head, len(state.dataset.classes)
    seed = state.setup.plan.seed
    fitted = fit_linear_head(embeddings.numpy(), labels.numpy(), num_classes, images.numpy(), seed)
    with torch.no_grad():
        head.weight.copy_(torch.from_numpy(fitted.weight))
        head.bias.copy_(torch.from_numpy(fitted.bias))
        if state.is_balanced:
            head.bias.sub_(_log_shares(labels, num_classes).to(head.bias))
    if state.averaged is not None:
        state.averaged.update_parameters(state.setup.model)


def _log_shares(labels: Tensor, num_classes: int) -> Tensor:
    """Return the logarithm of the share of each class in `labels`, shape (K,); 0 for a class without images.

    Without it in the biases all classes are equally probable beforehand, as with balanced sampling.
    """
    counts = torch.bincount(labels, minlength=num_classes)
    return torch.where(counts > 0, counts / len(labels), 1.0).log()


def _score(head: nn.Linear, embeddings: Tensor, labels: Tensor) -> TrainScores:
    with torch.no_grad():
        weight, bias = head.weight.float().cpu(), head.bias.float().cpu()
        logits = nn.functional.linear(embeddings, weight, bias)
        loss = nn.functional.cross_entropy(logits, labels).item()
        accuracy = (logits.argmax(1) == labels).float().mean().item()
    return TrainScores(loss=loss, accuracy=accuracy, plain_accuracy=accuracy)
