"""Classification metrics: accuracy, top-5, precision, recall, F1 and the confusion matrix."""

from pathlib import Path

from engine.ml.evaluation.run_inference import Predictions
from engine.results.calibration import Calibration
from engine.results.confusion_matrix import class_results, confusion_matrix
from engine.results.evaluation import Evaluation, ImageResult


def compute_metrics(
    predictions: Predictions, root: Path, classes: tuple[str, ...], calibration: Calibration | None
) -> Evaluation:
    """Return all metrics of the predictions.

    Args:
        predictions: Logits (N, K) and labels (N,) of at least one image.
        root: Folder that the paths of the samples are relative to.
        classes: Names of the K classes, in the order of the logits.
        calibration: Source of the temperature that confidences are computed with; None: temperature 1.

    Returns:
        The evaluation. Precision, recall and F1 are 0 where they are undefined. Confidences are calibrated; the loss
        is that of the logits as they are.

    Raises:
        EngineError: There are no predictions, or the loss is not finite.
    """
    scores = predictions.scores
    temperature = calibration.temperature if calibration else 1.0
    truth, probabilities = predictions.labels.numpy(), (predictions.logits / temperature).softmax(1)
    confidences, predicted = (tensor.numpy() for tensor in probabilities.max(1))
    top5 = predictions.logits.topk(min(5, len(classes)), dim=1).indices.numpy()
    confusion = confusion_matrix(truth, predicted, len(classes))
    images = (
        ImageResult(
            path=sample.path, label=classes[sample.label], predicted=classes[label], confidence=float(confidence)
        )
        for sample, label, confidence in zip(predictions.samples, predicted, confidences)
    )
    return Evaluation(
        root=str(root.absolute()),
        classes=classes,
        loss=scores.loss,
        accuracy=scores.accuracy,
        top5=float((top5 == truth[:, None]).any(1).mean()),
        confusion=confusion,
        per_class=class_results(confusion, classes),
        images=tuple(images),
        unreadable=predictions.unreadable,
        calibration=calibration,
    )
