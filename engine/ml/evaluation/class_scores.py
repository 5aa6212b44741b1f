"""Validation scores overall and by class."""

import torch

from engine.core.events import ClassRecall, ValScores
from engine.ml.evaluation.run_inference import Predictions
from engine.results.class_recalls import MAX_WEAKEST, weak_classes


def compute_val_scores(predictions: Predictions, classes: tuple[str, ...]) -> ValScores:
    """Return accuracy and loss over all images and as means over the classes, and the classes with a low recall.

    Args:
        predictions: Logits (N, K) and labels (N,) of at least one image.
        classes: Names of the K classes, in the order of the logits.

    Raises:
        EngineError: No image could be read.
        DivergedError: The loss is not finite.
    """
    scores, labels, num_classes = predictions.scores, predictions.labels, len(classes)
    losses = -predictions.logits.double().log_softmax(1).gather(1, labels[:, None])[:, 0]
    is_correct = predictions.logits.argmax(1) == labels
    num_images = torch.bincount(labels, minlength=num_classes)
    num_correct = torch.bincount(labels[is_correct], minlength=num_classes)
    loss_sums = torch.bincount(labels, weights=losses, minlength=num_classes)
    present = num_images > 0
    recalls = [
        ClassRecall(name=name, num_correct=correct, num_images=total)
        for name, correct, total in zip(classes, num_correct.tolist(), num_images.tolist())
    ]
    weak = weak_classes(recalls, scores.accuracy)
    return ValScores(
        loss=scores.loss,
        accuracy=scores.accuracy,
        balanced_accuracy=(num_correct[present].double() / num_images[present]).mean().item(),
        balanced_loss=(loss_sums[present] / num_images[present]).mean().item(),
        weakest=tuple(weak[:MAX_WEAKEST]),
        num_weak=len(weak),
    )
