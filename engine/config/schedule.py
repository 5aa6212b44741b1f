"""Learning-rate schedule: linear warm-up and cosine decay."""

import math


def rate_multiplier(step: int, total_steps: int, warmup_steps: int) -> float:
    """Return the factor by which the peak learning rate is multiplied at one step.

    The factor rises linearly and is 1 at the last warm-up step. It then follows 0.5 * (1 + cos(pi * t)), where t is the
    completed fraction of the decay (Loshchilov and Hutter, SGDR, 2017). It is never 0 during the run, because such a
    step would train nothing.

    Args:
        step: Training step, counted from 0.
        total_steps: Number of steps of the run.
        warmup_steps: Number of warm-up steps; 0 for none.
    """
    if step < warmup_steps:
        return (step + 1) / warmup_steps
    decay_steps = max(1, total_steps - warmup_steps)
    return 0.5 * (1 + math.cos(math.pi * min(1.0, (step - warmup_steps) / decay_steps)))


def planned_multipliers(epochs: int, warmup_epochs: float, points_per_epoch: int = 20) -> list[float]:
    """Return the factors at evenly spaced points of a run, for a plot of the schedule."""
    total = epochs * points_per_epoch
    warmup = min(total, round(warmup_epochs * points_per_epoch))
    return [rate_multiplier(step, total, warmup) for step in range(total)]
