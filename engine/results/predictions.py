"""What the program answers for one image, and its forms as JSON line and CSV row."""

import csv
import io
import json
from collections.abc import Iterable
from dataclasses import dataclass, replace

from engine.core.spreadsheet import escape_formula

CSV_COLUMNS = ("path", "decision", "label", "confidence", "similarity", "top", "error")

UNSURE, UNKNOWN = "unsure", "unknown"
"""Decisions that are no class: too close a call, and like nothing in training."""


@dataclass(frozen=True, slots=True)
class Prediction:
    """The answer for one image: the likeliest classes with their probabilities, or why there is none."""

    path: str
    top: tuple[tuple[str, float], ...] = ()
    """Likeliest first."""
    error: str | None = None
    decision: str | None = None
    """The class, or that it is better left to a person: `unsure` or `unknown`."""
    similarity: float | None = None
    """To the nearest training images, 1 where it is one of them; None where the model keeps none."""

    def with_threshold(self, threshold: float) -> "Prediction":
        """Return the answer with the decision that another threshold of confidence gives; what is unknown stays so."""
        if self.label is None or self.confidence is None or self.decision == UNKNOWN:
            return self
        return replace(self, decision=self.label if self.confidence >= threshold else UNSURE)

    @property
    def label(self) -> str | None:
        """The likeliest class."""
        return self.top[0][0] if self.top else None

    @property
    def confidence(self) -> float | None:
        """Probability (0..1) of the likeliest class."""
        return self.top[0][1] if self.top else None

    def to_json(self) -> str:
        """Return one line of JSON."""
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
        """Return the cells of a CSV row; none can be taken for a formula by a spreadsheet."""
        top = "; ".join(f"{name} {probability:.6f}" for name, probability in self.top)
        confidence = "" if self.confidence is None else f"{self.confidence:.6f}"
        similarity = "" if self.similarity is None else f"{self.similarity:.4f}"
        cells = (self.path, self.decision or "", self.label or "", confidence, similarity, top, self.error or "")
        return [escape_formula(cell) for cell in cells]


def to_csv(predictions: Iterable[Prediction]) -> str:
    """Return a CSV table with a header line."""
    buffer = io.StringIO(newline="")
    writer = csv.writer(buffer)
    writer.writerow(CSV_COLUMNS)
    writer.writerows(prediction.to_row() for prediction in predictions)
    return buffer.getvalue()
