"""Temperature scaling: calibration of confidences on validation images."""

import torch
from scipy.optimize import minimize_scalar
from torch import Tensor

from engine.results.calibration import Calibration, calibration_error, coverage_curve
from engine.results.few_images import MIN_VAL_IMAGES

_MAX_LOG_TEMPERATURE = 3.0  # temperatures between 1/20 and 20
_SEED = 0


def calibrate(logits: Tensor, labels: Tensor) -> Calibration:
    """Fit the temperature on validation logits and measure the calibration error before and after.

    Temperature scaling: Guo et al. (2017), "On Calibration of Modern Neural Networks". The error afterwards is
    cross-fitted: each half of the images is measured with the temperature fitted on the other half. The temperature
    stays 1 if scaling does not lower that error, or if there are too few images to measure it.

    Args:
        logits: Shape (N, K), float32.
        labels: True classes, shape (N,), int64.
    """
    before, right = _confidences(logits, 1.0), (logits.argmax(1) == labels).numpy()
    error_before = calibration_error(before.numpy(), right)
    scaled_error = None if len(logits) < MIN_VAL_IMAGES else _cross_fitted_error(logits, labels)
    is_scaled = scaled_error is not None and scaled_error < error_before
    temperature = fit_temperature(logits, labels) if is_scaled else 1.0
    return Calibration(
        temperature=temperature,
        error_before=error_before,
        error_after=scaled_error if is_scaled and scaled_error is not None else error_before,
        rejected_error=None if is_scaled else scaled_error,
        num_images=len(logits),
        coverage=coverage_curve(_confidences(logits, temperature).numpy(), right),
    )


def _cross_fitted_error(logits: Tensor, labels: Tensor) -> float:
    """Return the calibration error (0..1) of each half of the images with the temperature fitted on the other half."""
    confidences = torch.empty(len(logits))
    order = torch.randperm(len(logits), generator=torch.Generator().manual_seed(_SEED))
    halves = order.tensor_split(2)
    for fitted, measured in (halves, halves[::-1]):
        confidences[measured] = _confidences(logits[measured], fit_temperature(logits[fitted], labels[fitted]))
    return calibration_error(confidences.numpy(), (logits.argmax(1) == labels).numpy())


def fit_temperature(logits: Tensor, labels: Tensor) -> float:
    """Return the temperature (1/20..20) that minimises the cross-entropy of softmax(logits / temperature).

    The targets are smoothed by 1 / (N + 2) as in Platt (1999), because a model without errors on few images would
    otherwise get the smallest temperature and confidences of 1.

    Args:
        logits: Shape (N, K).
        labels: True classes, shape (N,), int64.
    """
    logits64, num_images, num_classes = logits.double(), *logits.shape
    smoothing = 1 / (num_images + 2)
    targets = torch.full_like(logits64, smoothing / max(1, num_classes - 1))
    targets.scatter_(1, labels[:, None], 1 - smoothing)

    def loss(log_temperature: float) -> float:
        scaled = logits64 / torch.tensor(log_temperature).exp()
        return -(targets * scaled.log_softmax(1)).sum(1).mean().item()

    minimum = minimize_scalar(loss, bounds=(-_MAX_LOG_TEMPERATURE, _MAX_LOG_TEMPERATURE), method="bounded")
    return float(torch.tensor(minimum.x).exp())


def _confidences(logits: Tensor, temperature: float) -> Tensor:
    return (logits / temperature).softmax(1).amax(1)
