"""Prediction for one image, with its JSON line and CSV row."""

import csv
import io
import json
from collections.abc import Iterable
from dataclasses import dataclass, replace

from engine.core.spreadsheet import escape_formula

CSV_COLUMNS = ("path", "decision", "label", "confidence", "similarity", "top", "error")

UNSURE, UNKNOWN = "unsure", "unknown"
"""Decisions other than a class: confidence below the threshold, and out of distribution."""


@dataclass(frozen=True, slots=True)
class Prediction:
    """Top classes of one image with their probabilities, or the error if it could not be read."""

    path: str
    top: tuple[tuple[str, float], ...] = ()
    """Classes and probabilities (0..1), most likely first."""
    error: str | None = None
    decision: str | None = None
    """The predicted class, or `unsure` or `unknown` if a person should check the image."""
    similarity: float | None = None
    """Mean cosine similarity to the nearest training images; None if the model file has no reference embeddings."""

    def with_threshold(self, threshold: float) -> "Prediction":
        """Return a copy decided at another confidence threshold (0..1); an `unknown` image stays `unknown`."""
        if self.label is None or self.confidence is None or self.decision == UNKNOWN:
            return self
        return replace(self, decision=self.label if self.confidence >= threshold else UNSURE)

    @property
    def label(self) -> str | None:
        """The most likely class."""
        return self.top[0][0] if self.top else None

    @property
    def confidence(self) -> float | None:
        """Probability (0..1) of the most likely class."""
        return self.top[0][1] if self.top else None

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
        """Return the cells of a CSV row, escaped so that no spreadsheet evaluates them as formulas."""
        top = "; ".join(f"{name} {probability:.6f}" for name, probability in self.top)
        confidence = "" if self.confidence is None else f"{self.confidence:.6f}"
        similarity = "" if self.similarity is None else f"{self.similarity:.4f}"
        cells = (self.path, self.decision or "", self.label or "", confidence, similarity, top, self.error or "")
        return [escape_formula(cell) for cell in cells]


def to_csv(predictions: Iterable[Prediction]) -> str:
    """Return predictions as a CSV table with a header line."""
    buffer = io.StringIO(newline="")
    writer = csv.writer(buffer)
    writer.writerow(CSV_COLUMNS)
    writer.writerows(prediction.to_row() for prediction in predictions)
    return buffer.getvalue()
