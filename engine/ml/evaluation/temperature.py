"""Choose the temperature that makes confidences come true on validation images."""

import torch
from scipy.optimize import minimize_scalar
from torch import Tensor

from engine.results.calibration import Calibration, calibration_error, coverage_curve

_LARGEST_LOG = 3.0  # temperatures between 1/20 and 20
_SEED = 0


def calibrate(logits: Tensor, labels: Tensor) -> Calibration:
    """Return the temperature for these validation answers, (N, K) and (N,), and what it does to confidences.

    Temperature scaling of Guo et al. (2017). The error after it is measured in two halves, each with the temperature
    of the other, so that no image speaks for a figure that was chosen on it.
    """
    temperature = fit_temperature(logits, labels)
    before, is_right = _confidences(logits, 1.0), logits.argmax(1) == labels
    after = before.clone()
    order = torch.randperm(len(logits), generator=torch.Generator().manual_seed(_SEED))
    halves = order.tensor_split(2)
    for chosen_on, measured_on in (halves, halves[::-1]):
        if len(chosen_on):
            after[measured_on] = _confidences(
                logits[measured_on], fit_temperature(logits[chosen_on], labels[chosen_on])
            )
    right = is_right.numpy()
    return Calibration(
        temperature=temperature,
        error_before=calibration_error(before.numpy(), right),
        error_after=calibration_error(after.numpy(), right),
        num_images=len(logits),
        coverage=coverage_curve(_confidences(logits, temperature).numpy(), right),
    )


def fit_temperature(logits: Tensor, labels: Tensor) -> float:
    """Return the temperature with the least cross-entropy on these answers, (N, K) and (N,).

    As in Platt (1999) the truth is taken to be a little uncertain, by one image in N + 2: else a model without a
    mistake on few images would be told to be sure beyond all doubt.
    """
    wide, num_images, num_classes = logits.double(), *logits.shape
    doubt = 1 / (num_images + 2)
    targets = torch.full_like(wide, doubt / max(1, num_classes - 1))
    targets.scatter_(1, labels[:, None], 1 - doubt)

    def loss(log_temperature: float) -> float:
        scaled = wide / torch.tensor(log_temperature).exp()
        return -(targets * scaled.log_softmax(1)).sum(1).mean().item()

    found = minimize_scalar(loss, bounds=(-_LARGEST_LOG, _LARGEST_LOG), method="bounded")
    return float(torch.tensor(found.x).exp())


def _confidences(logits: Tensor, temperature: float) -> Tensor:
    return (logits / temperature).softmax(1).amax(1)
