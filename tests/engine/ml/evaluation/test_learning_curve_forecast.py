"""Tests of the power law and of the forecast."""

import numpy as np
import pytest

from engine.ml.evaluation.learning_curve_forecast import fit_power_laws, forecast_curve


def test_a_power_law_is_fitted_and_extrapolated() -> None:
    counts = np.array([100.0, 200.0, 400.0, 800.0])
    errors = 0.2 * (counts / 800) ** -0.5 + 0.05
    scales, exponents = fit_power_laws(counts / 800, errors[None])
    assert scales[0] == pytest.approx(0.2, rel=0.02)
    assert exponents[0] == pytest.approx(0.5, abs=0.03)
    forecast = forecast_curve(counts, 1 - errors[None], 0.75)
    assert forecast.points[-1].num_images == 1600
    assert forecast.points[-1].accuracy == pytest.approx(1 - (0.2 * 2**-0.5 + 0.05), abs=0.003)
    assert forecast.gain_ratio == pytest.approx(2**-0.5, abs=0.02)


def test_a_curve_that_does_not_rise_has_no_forecast_gain() -> None:
    counts = np.array([100.0, 200.0, 400.0, 800.0])
    forecast = forecast_curve(counts, np.full((5, 4), 0.9), 0.9)
    assert forecast.points[-1].accuracy == pytest.approx(0.9)
    assert forecast.gain == pytest.approx((0, 0, 0))
    falling = forecast_curve(counts, np.linspace(0.9, 0.8, 4)[None], 0.8)
    assert falling.points[-1].accuracy == pytest.approx(0.8)
