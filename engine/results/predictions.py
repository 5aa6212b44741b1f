"""Prediction for one image, with its JSON line and CSV row."""

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from typing import Final, Literal, TypeAlias

import numpy as np
import numpy.typing as npt

PredictionDecision: TypeAlias = Literal["accepted", "unsure", "unknown"]
"""`accepted`: the label stands. `unsure`: the confidence is below the threshold. `unknown`: out of distribution.

It never holds the name of a class, because a class may have one of these words as its name.
"""
ACCEPTED: Final = "accepted"
UNSURE: Final = "unsure"
UNKNOWN: Final = "unknown"

_COLUMNS = ("path", "decision", "label", "confidence", "similarity", "top", "error")


@dataclass(frozen=True, slots=True)
class Prediction:
    """Top classes of one image with their probabilities, or the error if it could not be read."""

    path: str
    top: tuple[tuple[str, float], ...] = ()
    """Classes and probabilities (0..1), most likely first."""
    error: str | None = None
    decision: PredictionDecision | None = None
    """One of the three decisions above; None for an error."""
    similarity: float | None = None
    """Mean cosine similarity to the nearest training images; None if the model file has no reference embeddings."""
    classes: tuple[str, ...] = field(default=(), compare=False, repr=False)
    """All classes of the model, also for an error."""
    probabilities: npt.NDArray[np.float32] | None = field(default=None, compare=False, repr=False)
    """Probability (0..1) of each of `classes`, float32, shape (K,); None for an error."""

    def with_threshold(self, threshold: float) -> "Prediction":
        """Return a copy decided at another confidence threshold (0..1); an `unknown` image stays `unknown`."""
        if self.confidence is None or self.decision == UNKNOWN:
            return self
        return replace(self, decision=ACCEPTED if self.confidence >= threshold else UNSURE)

    @property
    def label(self) -> str | None:
        """The most likely class."""
        return self.top[0][0] if self.top else None

    @property
    def confidence(self) -> float | None:
        """Probability (0..1) of the most likely class."""
        return self.top[0][1] if self.top else None

    @property
    def needs_review(self) -> bool:
        """Return True if a person should check the image, because the prediction is unsure or unknown."""
        return self.decision in (UNSURE, UNKNOWN)

    def to_json(self) -> str:
        """Return the prediction as one line of JSON."""
        return json.dumps(
            {
                "path": self.path,
                "decision": self.decision,
                "label": self.label,
                "confidence": self.confidence,
                "similarity": self.similarity,
                "top": [list(pair) for pair in self.top],
                "error": self.error,
            }
        )

    def to_row(self) -> list[str]:
        """Return the cells of a CSV row, see `csv_columns`."""
        top = json.dumps([[name, round(probability, 6)] for name, probability in self.top], ensure_ascii=False)
        confidence = "" if self.confidence is None else f"{self.confidence:.6f}"
        similarity = "" if self.similarity is None else f"{self.similarity:.4f}"
        probabilities = self.probabilities.tolist() if self.probabilities is not None else None
        return [
            self.path,
            self.decision or "",
            self.label or "",
            confidence,
            similarity,
            top if self.top else "",
            self.error or "",
            *(["" for _ in self.classes] if probabilities is None else [f"{each:.6f}" for each in probabilities]),
        ]


def csv_columns(classes: Iterable[str]) -> list[str]:
    """Return the column names of a table of predictions: the fields of the JSON line, then `p(CLASS)` for each class.

    A cell of `top` holds the most likely classes and their probabilities as a JSON list of pairs.
    """
    return [*_COLUMNS, *(f"p({name})" for name in classes)]


def csv_rows(predictions: Iterable[Prediction]) -> Iterator[list[str]]:
    """Yield the column names and one row for each prediction of a model; nothing if there are none."""
    for number, prediction in enumerate(predictions):
        if number == 0:
            yield csv_columns(prediction.classes)
        yield prediction.to_row()
