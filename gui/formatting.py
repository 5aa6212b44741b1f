"""Figures and settings as words that need no training to read."""

import re

from engine.config.backbones import BACKBONES
from engine.config.settings import RunConfig
from engine.core.events import RunStarted
from engine.core.formatting import count, duration, percent
from engine.results.calibration import OperatingPoint
from engine.results.statistics import wilson_interval
from engine.runs.history import History


def percent_with_range(share: float, num_images: int) -> str:
    """Return a share measured on `num_images` with its 95 % range: `92 % (88 to 95)`."""
    if not num_images:
        return percent(share)
    low, high = wilson_interval(share, num_images)
    return f"{percent(share)} ({low * 100:.0f} to {high * 100:.0f})"


def network_name(backbone: str) -> str:
    """Return the usual spelling of a backbone's registry name."""
    row = BACKBONES.get(backbone)
    if row is None:
        return backbone
    backbone = re.sub(r"(?<!\d)(\d)_(\d)", r"\1.\2", backbone)
    letters = re.sub(r"[^a-z]", "", row.family.lower())
    match = re.match("_?".join(letters), backbone)
    rest = backbone[match.end() :] if match else ""
    if not match or rest[:1].isdigit():
        return row.family + rest.replace("_", "-") if match else backbone
    words = [word.capitalize() if len(word) <= 2 else word for word in rest.strip("_").split("_") if word]
    if not words:
        return row.family
    joint = "" if re.fullmatch(r"V\d", words[0]) else " "
    return row.family + joint + " ".join(words)


def start_words(weights: str) -> str:
    """Say what a network starts from."""
    return {"none": "from scratch", "default": "from ImageNet weights"}.get(weights, "from a file of weights")


def computed_on(started: RunStarted) -> str:
    """Say what a run computes on, in which precision and why."""
    reason = f": {started.precision_reason}" if started.precision_reason else ""
    return f"On {started.device} in {started.precision}{reason}."


def cut_off(name: str, history: History, config: RunConfig | None) -> str:
    """Say of a run how far it had come when it was cut off."""
    epochs = history.epochs
    if not epochs:
        return f"The training “{name}” was cut off before its first epoch was over."
    has_budget = config is not None and config.training.budget_seconds is not None  # then epochs are an estimate
    total = "" if has_budget else f" of {epochs[-1].epochs}"
    return f"The training “{name}” was cut off after epoch {epochs[-1].epoch}{total}."


def plan(config: RunConfig, num_images: int | None) -> str:
    """Say in one line what training will do."""
    budget = config.training.budget_seconds
    parts = [
        f"{network_name(config.model.backbone)} {start_words(config.model.weights)}",
        count(config.training.epochs, "epoch") if budget is None else f"within {duration(budget)}",
    ]
    if num_images is not None:
        parts.append(count(num_images, "image"))
    return ", ".join(parts)


def budget_words(budget: OperatingPoint, max_error: float | None) -> str:
    """Say what an error budget answers and what it leaves to a person."""
    if not budget.is_guaranteed:
        return (
            f"{count(budget.num_images, 'validation image')} cannot show that at most {percent(max_error or 0)} is "
            "wrong, so everything is answered. Set more images aside."
        )
    if max_error is None:
        return f"Every image is answered: {budget.num_wrong:,} of {budget.num_images:,} wrongly."
    if not budget.num_answered:
        return f"It is never sure enough for at most {percent(max_error)} wrong: every image is left to you."
    num_left = budget.num_images - budget.num_answered
    left = f"leaves {count(num_left, 'image')} ({percent(num_left / budget.num_images)}) to you" if num_left else ""
    return f"With at most {percent(max_error)} wrong it answers {budget.num_answered:,} of {budget.num_images:,}" + (
        f" and {left}." if left else ": it need not hold any back."
    )
