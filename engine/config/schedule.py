"""Warm-up and cosine decay of the learning rate, as a pure function of the step."""

import math


def rate_multiplier(step: int, total_steps: int, warmup_steps: int) -> float:
    """Return the factor of the learning rate at `step`, counted from 0, in a run of `total_steps`.

    It climbs linearly to 1 over the warm-up, reaching it at the last warm-up step, then falls along half a cosine
    towards 0: 0.5 * (1 + cos(pi * t)) with t the share of the decay that is over (Loshchilov and Hutter, SGDR, 2017).
    No step has the factor 0, so none is wasted.
    """
    if step < warmup_steps:
        return (step + 1) / warmup_steps
    decay_steps = max(1, total_steps - warmup_steps)
    return 0.5 * (1 + math.cos(math.pi * min(1.0, (step - warmup_steps) / decay_steps)))


def planned_multipliers(epochs: int, warmup_epochs: float, points_per_epoch: int = 20) -> list[float]:
    """Return the planned factors at equal distances over a run, for drawing."""
    total = epochs * points_per_epoch
    warmup = min(total, round(warmup_epochs * points_per_epoch))
    return [rate_multiplier(step, total, warmup) for step in range(total)]
