"""What the program answers for one image, and its forms as JSON line and CSV row."""

import csv
import io
import json
from collections.abc import Iterable
from dataclasses import dataclass

CSV_COLUMNS = ("path", "label", "confidence", "top", "error")


@dataclass(frozen=True, slots=True)
class Prediction:
    """The answer for one image: the likeliest classes with their probabilities, or why there is none."""

    path: str
    top: tuple[tuple[str, float], ...] = ()
    """Likeliest first."""
    error: str | None = None

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
                "label": self.label,
                "confidence": self.confidence,
                "top": [list(pair) for pair in self.top],
                "error": self.error,
            }
        )

    def to_row(self) -> list[str]:
        """Return the cells of a CSV row; none can be taken for a formula by a spreadsheet."""
        top = "; ".join(f"{name} {probability:.6f}" for name, probability in self.top)
        confidence = "" if self.confidence is None else f"{self.confidence:.6f}"
        return [_harmless(cell) for cell in (self.path, self.label or "", confidence, top, self.error or "")]


def to_csv(predictions: Iterable[Prediction]) -> str:
    """Return a CSV table with a header line."""
    buffer = io.StringIO(newline="")
    writer = csv.writer(buffer)
    writer.writerow(CSV_COLUMNS)
    writer.writerows(prediction.to_row() for prediction in predictions)
    return buffer.getvalue()


def _harmless(cell: str) -> str:
    # Spreadsheets run cells that begin like this as formulas
    return f"'{cell}" if cell.startswith(("=", "+", "-", "@", "\t", "\r")) else cell
