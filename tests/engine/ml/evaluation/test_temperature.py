"""Tests of temperature scaling."""

import pytest
import torch

from engine.ml.evaluation.temperature import calibrate, fit_temperature


def _scaled_logits(temperature: float, num_images: int = 4000) -> tuple[torch.Tensor, torch.Tensor]:
    """Return logits and labels drawn from them, the logits then multiplied by `temperature`."""
    generator = torch.Generator().manual_seed(0)
    logits = torch.randn(num_images, 5, generator=generator) * 2
    labels = torch.multinomial(logits.softmax(1), 1, generator=generator)[:, 0]
    return logits * temperature, labels


@pytest.mark.parametrize("temperature", [0.3, 1.0, 4.0])
def test_the_temperature_of_scaled_logits_is_recovered(temperature: float) -> None:
    assert fit_temperature(*_scaled_logits(temperature)) == pytest.approx(temperature, rel=0.08)


def test_overconfident_predictions_are_calibrated() -> None:
    calibration = calibrate(*_scaled_logits(4.0))
    assert calibration.error_before > 0.15
    assert calibration.error_after < 0.03


def test_few_images_without_an_error_do_not_give_a_confidence_of_one() -> None:
    logits, labels = torch.eye(3).repeat(4, 1) * 2, torch.arange(3).repeat(4)
    confidence = (logits / fit_temperature(logits, labels)).softmax(1).amax(1)
    assert confidence.max() < 0.97


def test_a_single_image_can_be_used_for_calibration() -> None:
    calibration = calibrate(torch.tensor([[2.0, 1.0]]), torch.tensor([0]))
    assert calibration.num_images == 1


def test_scaling_that_raises_the_cross_validated_error_is_not_used_and_said() -> None:
    logits, labels = _scaled_logits(1.0, num_images=100)
    calibration = calibrate(logits, labels)
    assert calibration.rejected_error is not None
    assert calibration.rejected_error >= calibration.error_before
    assert calibration.temperature == 1
    assert calibration.error_after == calibration.error_before
    assert "not scaled, because temperature scaling would make" in calibration.method
    assert "before calibration" not in calibration.headline


@pytest.mark.parametrize("seed", range(20))
def test_the_error_with_the_temperature_is_never_above_that_without_it(seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    logits = 3 * torch.randn(24, 3, generator=generator)
    calibration = calibrate(logits, torch.randint(0, 3, (24,), generator=generator))
    assert calibration.error_after <= calibration.error_before


def test_fewer_than_20_images_are_neither_scaled_nor_judged() -> None:
    calibration = calibrate(*_scaled_logits(4.0, num_images=19))
    assert calibration.temperature == 1
    assert calibration.headline == "Calibration error not known: only 19\N{NO-BREAK SPACE}validation images"
    assert "at least 20 validation images" in calibration.method
    assert calibrate(*_scaled_logits(4.0, num_images=40)).temperature > 1
