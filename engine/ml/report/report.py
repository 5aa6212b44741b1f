"""Put all that is known of a run into one page that can be read without the program."""

from collections.abc import Generator
from functools import partial
from importlib.resources import files
from pathlib import Path

from jinja2 import Environment, StrictUndefined

from engine import __version__
from engine.audit.findings import Audit
from engine.audit.review_queue import Review
from engine.core import formatting
from engine.core.atomic_write import saving, write_atomic
from engine.core.errors import EngineError
from engine.core.events import Event
from engine.core.progress import Ticker
from engine.data.dataset import Dataset
from engine.ml.evaluation.out_of_distribution import OOD_QUANTILE
from engine.ml.report import charts as report_figures
from engine.ml.report import sections as report_parts
from engine.ml.report import tables as report_views
from engine.ml.report.gallery import Gallery, Reason
from engine.ml.report.sections import GONE, Part, attempt
from engine.results.calibration import reliability_bins
from engine.results.evaluation import Evaluation, read_evaluation
from engine.results.model_metadata import read_metadata
from engine.runs.run_folder import Run

NUM_TILES = 24
"""Images shown at most, of mistakes and of doubted labels."""
_NUM_STEPS = 6


def write_report(run: Run, path: Path, audit: Audit | None) -> Generator[Event, None, Path]:
    """Write the report of a run as one HTML file without scripts or links to elsewhere; return its path.

    `audit` is what is odd about the run's data set, None where that is gone. What is missing is measured and kept in
    the run folder; what cannot be measured is said so in a sentence. Raises EngineError where the run has no results
    or the file cannot be written.
    """
    if not path.parent.is_dir():
        raise EngineError("The folder for the report does not exist.", path.parent)
    evaluation, dataset = read_evaluation(run.results_path), run.dataset
    gallery = Gallery(dataset.root)
    ticker = Ticker("report", _NUM_STEPS)
    page = _known(run, evaluation, dataset)
    yield from ticker.at(1)
    page |= {
        "mistakes": gallery.judged(evaluation.misclassified[:NUM_TILES]),
        "num_wrong": len(evaluation.misclassified),
    }
    page |= _audited(audit, dataset, gallery)
    yield from ticker.at(2)
    if report_parts.has_images(dataset):
        page["reasons"] = yield from attempt(report_parts.explanations(run, evaluation, gallery))
        yield from ticker.at(3)
        review = yield from attempt(report_parts.doubted_labels(run, dataset, audit))
    else:
        page["reasons"], review = Part[list[Reason]](missing=GONE), Part[Review](missing=GONE)
    label_issues = review.found.label_issues if review.found else ()
    page |= {
        "review": review,
        "doubted": [
            gallery.tile(each.path, f"{each.given}, looks like {each.suggested} ({each.probability:.2f})")
            for each in label_issues[:NUM_TILES]
        ],
    }
    yield from ticker.at(4)
    growth = yield from attempt(report_parts.learning_curve(run))
    page |= {"growth": growth, "growth_chart": report_figures.growth_chart(growth.found) if growth.found else ""}
    yield from ticker.at(5)
    card = yield from attempt(report_parts.robustness_card(run))
    rows = list(report_parts.robustness_rows(card.found, gallery)) if card.found else []
    page |= {"robustness": card, "robustness_rows": rows}
    _write(path, render(page))
    yield from ticker.at(_NUM_STEPS)
    return path


def render(page: dict[str, object]) -> str:
    """Return the page as HTML, every name and path in it escaped."""
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    environment.filters |= {
        "percent": partial(formatting.percent, decimals=1),
        "count": formatting.count,
    }
    template = (files("resources") / "report.html").read_text(encoding="utf-8")
    return environment.from_string(template).render(page)


def _known(run: Run, evaluation: Evaluation, dataset: Dataset) -> dict[str, object]:
    """Return what the files of the run say without any image."""
    card, history, calibration = read_metadata(run.model_path), run.history, evaluation.calibration
    test = read_evaluation(run.test_path) if run.test_path.is_file() else None
    found = reliability_bins(evaluation.confidences, evaluation.is_right)
    return {
        "title": run.name,
        "version": __version__,
        "evaluation": evaluation,
        "facts": report_views.facts(card, run.config, dataset, history),
        "history_chart": report_figures.history_chart(history) if history.epochs else "",
        "test": test,
        "num_test": len(dataset.of_split("test")),
        "matrix": report_views.matrix(evaluation),
        "confused": report_views.most_confused(evaluation),
        "class_rows": report_views.class_rows(evaluation),
        "calibration": calibration,
        # The bound comes with the embeddings of the training images, so the model file has the last word
        "unknown_below": card.calibration.ood_threshold if card.calibration else None,
        "unknown_share": OOD_QUANTILE,
        "reliability_chart": report_figures.reliability_chart(found),
        "coverage_chart": report_figures.coverage_chart(calibration.coverage) if calibration else "",
        "budgets": list(report_views.budget_rows(calibration)) if calibration else [],
    }


def _audited(audit: Audit | None, dataset: Dataset, gallery: Gallery) -> dict[str, object]:
    if audit is None or len(audit.unreadable) == len(dataset.samples):
        return {"audit": Part[Audit](missing=GONE), "num_leaks": 0, "audit_rows": [], "copies": [], "imbalance": ""}
    return {
        "audit": Part(audit),
        "num_leaks": sum(group.crosses_splits for group in audit.duplicates),
        "audit_rows": report_views.audit_rows(audit),
        "copies": report_views.duplicate_tiles(audit, dataset, gallery),
        "imbalance": report_views.imbalance_words(audit),
    }


def _write(path: Path, text: str) -> None:
    # File names that are no text come as halves of characters, which UTF-8 has no bytes for
    content = text.encode("utf-8", "backslashreplace")
    with saving("The report", path):
        write_atomic(path, lambda temporary: temporary.write_bytes(content))
