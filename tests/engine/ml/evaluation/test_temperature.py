"""Tests of the temperature."""

import pytest
import torch

from engine.ml.evaluation.temperature import calibrate, fit_temperature


def _answers(temperature: float, num_images: int = 4000) -> tuple[torch.Tensor, torch.Tensor]:
    """Return logits and labels drawn from them, the logits then multiplied by `temperature`."""
    generator = torch.Generator().manual_seed(0)
    logits = torch.randn(num_images, 5, generator=generator) * 2
    labels = torch.multinomial(logits.softmax(1), 1, generator=generator)[:, 0]
    return logits * temperature, labels


@pytest.mark.parametrize("temperature", [0.3, 1.0, 4.0])
def test_the_temperature_that_was_put_in_is_found(temperature: float) -> None:
    assert fit_temperature(*_answers(temperature)) == pytest.approx(temperature, rel=0.08)


def test_confidences_that_boast_are_put_right() -> None:
    found = calibrate(*_answers(4.0))
    assert found.error_before > 0.15
    assert found.error_after < 0.03


def test_a_model_without_a_mistake_on_few_images_is_not_told_to_be_sure_beyond_doubt() -> None:
    logits, labels = torch.eye(3).repeat(4, 1) * 2, torch.arange(3).repeat(4)
    confidence = (logits / fit_temperature(logits, labels)).softmax(1).amax(1)
    assert confidence.max() < 0.97


def test_a_single_image_can_be_calibrated_on() -> None:
    found = calibrate(torch.tensor([[2.0, 1.0]]), torch.tensor([0]))
    assert found.num_images == 1
