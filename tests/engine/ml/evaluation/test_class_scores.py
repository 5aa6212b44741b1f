"""Tests of validation scores by class."""

import pytest
import torch
from sklearn.metrics import balanced_accuracy_score

from engine.data.dataset import Sample
from engine.ml.evaluation.class_scores import compute_val_scores
from engine.ml.evaluation.run_inference import Predictions

CLASSES = ("a", "b", "empty", "c")


def _predictions(labels: list[int], seed: int = 0) -> Predictions:
    logits = torch.randn(len(labels), 4, generator=torch.Generator().manual_seed(seed))
    return Predictions(tuple(Sample(f"{number}.png", label) for number, label in enumerate(labels)), logits)


@pytest.mark.parametrize("seed", range(5))
def test_balanced_accuracy_equals_that_of_scikit_learn_and_balanced_loss_is_the_mean_over_measured_classes(
    seed: int,
) -> None:
    labels = [0] * 30 + [1] * 7 + [3] * 2
    predictions = _predictions(labels, seed)
    scores = compute_val_scores(predictions, CLASSES)
    with pytest.warns(UserWarning, match="y_pred contains classes"):
        expected = balanced_accuracy_score(labels, predictions.logits.argmax(1))
    assert scores.balanced_accuracy == pytest.approx(expected)
    parts = [_predictions(labels, seed) for _ in range(3)]
    losses = [
        Predictions(
            tuple(sample for sample in part.samples if sample.label == label),
            part.logits[torch.tensor(labels) == label],
        ).scores.loss
        for part, label in zip(parts, (0, 1, 3))
    ]
    assert scores.balanced_loss == pytest.approx(sum(losses) / 3, rel=1e-5)
    assert (scores.accuracy, scores.loss) == (predictions.scores.accuracy, predictions.scores.loss)


def test_a_class_that_is_never_found_is_named_with_its_counts() -> None:
    samples = tuple(Sample(f"{number}.png", int(number == 200)) for number in range(201))
    scores = compute_val_scores(Predictions(samples, torch.tensor([[5.0, 0, 0, 0]]).repeat(201, 1)), CLASSES)
    assert scores.num_weak == 1
    assert [(each.name, each.num_correct, each.num_images) for each in scores.weakest] == [("b", 0, 1)]


def test_at_most_three_classes_are_stored_by_name() -> None:
    names = tuple(f"{number}" for number in range(50))
    samples = tuple(Sample(f"{number}.png", number) for number in range(50))
    scores = compute_val_scores(Predictions(samples, torch.eye(50).roll(1, 1)), names)
    assert (len(scores.weakest), scores.num_weak) == (3, 50)
