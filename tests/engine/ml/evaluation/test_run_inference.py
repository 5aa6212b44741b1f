"""Tests of inference over batches and of the predictions."""

import pytest
import torch

from engine.core.errors import EngineError
from engine.core.event_stream import run_to_end
from engine.data.dataset import Sample
from engine.ml.evaluation.run_inference import Predictions, run_inference
from engine.ml.loading.loader import Batch
from engine.ml.runtime.errors import DivergedError
from engine.results.evaluation import Unreadable


def _predictions(paths: str, logits: list[list[float]]) -> Predictions:
    return Predictions(tuple(Sample(path, 0) for path in paths), torch.tensor(logits))


def test_logits_are_float32_in_the_order_of_the_readable_samples() -> None:
    bad = Unreadable(path="c", reason="damaged")
    batches = [
        Batch(torch.ones(2, 3), torch.zeros(2, dtype=torch.int64), (Sample("a", 0), Sample("b", 1))),
        Batch(torch.empty(0), torch.empty(0, dtype=torch.int64), (), (bad,)),
        Batch(torch.zeros(1, 3), torch.zeros(1, dtype=torch.int64), (Sample("d", 2),)),
    ]
    predictions = run_to_end(run_inference(batches, 4, lambda inputs: inputs.bfloat16(), "validate"))
    assert [sample.path for sample in predictions.samples] == ["a", "b", "d"]
    assert predictions.logits.dtype == torch.float32
    assert predictions.logits.tolist() == [[1, 1, 1], [1, 1, 1], [0, 0, 0]]
    assert predictions.labels.tolist() == [0, 1, 2]
    assert predictions.unreadable == (bad,)


def test_predictions_of_several_processes_are_merged_by_path() -> None:
    merged = Predictions.merged([_predictions("bd", [[1.0], [3.0]]), _predictions("ac", [[0.0], [2.0]])])
    assert [sample.path for sample in merged.samples] == ["a", "b", "c", "d"]
    assert merged.logits[:, 0].tolist() == [0, 1, 2, 3]


def test_scores_are_mean_cross_entropy_and_accuracy() -> None:
    scores = _predictions("ab", [[0.0, 0.0], [0.0, 100.0]]).scores
    assert scores.accuracy == 0.5
    assert scores.loss == pytest.approx((torch.tensor(2.0).log().item() + 100) / 2)


def test_scores_without_images_or_with_non_finite_logits_raise_errors() -> None:
    with pytest.raises(EngineError, match="None of the images to evaluate could be read"):
        _ = Predictions((), torch.empty(0, 0)).scores
    with pytest.raises(DivergedError, match="not finite"):
        _ = _predictions("a", [[float("nan"), 0.0]]).scores
