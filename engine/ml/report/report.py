"""HTML report of a run: everything known about it on one page that opens in any browser."""

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
from engine.core.time_stamps import day_of
from engine.data.dataset import Dataset
from engine.ml.evaluation.label_errors import review_labels
from engine.ml.evaluation.out_of_distribution import OOD_QUANTILE
from engine.ml.report import audit_tables, charts, sections, tables
from engine.ml.report.current_results import read_or_update_results
from engine.ml.report.gallery import ExplainedImage, Gallery, Tile
from engine.ml.report.run_summary import summarize_run
from engine.ml.report.sections import IMAGES_MISSING, Section, try_section
from engine.results.calibration import reliability_bins
from engine.results.evaluation import Evaluation, read_evaluation
from engine.results.headline import evaluation_headline
from engine.results.learning_curve import LEARNING_CURVE_NAME
from engine.results.model_metadata import read_metadata
from engine.runs.run_folder import Run

MAX_TILES = 24
"""Largest number of misclassified images and of suspected wrong labels on the page."""
_NUM_STEPS = 6


def write_report(run: Run, path: Path, dataset: Dataset, audit: Audit | None) -> Generator[Event, None, Path]:
    """Write the report of a run as one HTML file without scripts or external links; return its path.

    The learning curve and the robustness report are computed if the run folder does not have them. A section that
    cannot be computed holds the reason instead.

    Args:
        run: The run.
        path: The HTML file.
        dataset: The dataset of the run, with the labels of its folder as it is now.
        audit: Findings about the dataset; None if its folder is gone.

    Raises:
        EngineError: The run has no results, or the file cannot be written.
    """
    if not path.parent.is_dir():
        raise EngineError("The folder for the report does not exist. Choose another one.", path.parent)
    current = yield from read_or_update_results(run)
    evaluation = current.evaluation
    gallery = Gallery(dataset.root, run.dataset.grey_ranges)
    ticker = Ticker("report", _NUM_STEPS)
    page = _stored_results(run, evaluation, dataset) | {"evaluation_note": current.note}
    yield from ticker.at(1)
    misclassified = evaluation.misclassified
    page |= {"misclassified": gallery.predictions(misclassified[:MAX_TILES]), "num_misclassified": len(misclassified)}
    page |= _dataset_section(audit, dataset, gallery)
    yield from ticker.at(2)
    explained = Section[list[ExplainedImage]](error=IMAGES_MISSING)
    review = Section[Review](error=IMAGES_MISSING)
    if sections.has_images(dataset):
        explained = yield from try_section(sections.explain_examples(run, evaluation, gallery))
        yield from ticker.at(3)
        review = yield from try_section(review_labels(dataset, run.model_path, audit or Audit()))
    page |= {"explained": explained, "review": review, "label_issues": _label_issue_tiles(review.result, gallery)}
    yield from ticker.at(4)
    curve = yield from try_section(sections.read_or_compute_learning_curve(run))
    chart = charts.learning_curve_chart(curve.result) if curve.result else ""
    curve_day = day_of(curve.result.evaluated, run.path / LEARNING_CURVE_NAME) if curve.result else ""
    page |= {"learning_curve": curve, "learning_curve_chart": chart, "learning_curve_day": curve_day}
    yield from ticker.at(5)
    robustness = yield from try_section(sections.read_or_measure_robustness(run))
    rows = list(sections.robustness_rows(robustness.result, gallery)) if robustness.result else []
    robustness_day = day_of(robustness.result.evaluated, run.robustness_path) if robustness.result else ""
    page |= {"robustness": robustness, "robustness_rows": rows, "robustness_day": robustness_day}
    _write(path, render(page))
    yield from ticker.at(_NUM_STEPS)
    return path


def render(page: dict[str, object]) -> str:
    """Return the page as HTML with all values escaped."""
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    environment.filters |= {"percent": partial(formatting.percent, decimals=1), "count": formatting.count}
    template = (files("resources") / "report.html").read_text(encoding="utf-8")
    return environment.from_string(template).render(page)


def _stored_results(run: Run, evaluation: Evaluation, dataset: Dataset) -> dict[str, object]:
    """Return the template values that come from the files of the run alone."""
    metadata, history, calibration = read_metadata(run.model_path), run.history, evaluation.calibration
    test = read_evaluation(run.test_path) if run.test_path.is_file() else None
    return {
        "title": run.name,
        "version": __version__,
        "evaluation": evaluation,
        "summary": summarize_run(metadata, run.config, dataset, history),
        "history_chart": charts.history_chart(history) if history.epochs else "",
        "headline": evaluation_headline(evaluation),
        "test_headline": evaluation_headline(test) if test else None,
        "test": test,
        "test_day": day_of(test.evaluated, run.test_path) if test else "",
        "num_test": len(dataset.of_split("test")),
        "matrix": tables.matrix_rows(evaluation),
        "most_confused": tables.most_confused(evaluation),
        "class_rows": tables.class_rows(evaluation),
        "calibration": calibration,
        # Read from the model file, because the threshold is valid only with the reference embeddings there
        "ood_threshold": metadata.calibration.ood_threshold if metadata.calibration else None,
        "model_calibration": metadata.calibration,
        "ood_quantile": OOD_QUANTILE,
        "reliability_chart": charts.reliability_chart(reliability_bins(evaluation.confidences, evaluation.is_right)),
        "coverage_chart": charts.coverage_chart(calibration.coverage) if calibration else "",
        "error_limits": list(tables.error_limit_rows(calibration)) if calibration else [],
    }


def _dataset_section(audit: Audit | None, dataset: Dataset, gallery: Gallery) -> dict[str, object]:
    if audit is None or len(audit.unreadable) == len(dataset.samples):
        missing = Section[Audit](error=IMAGES_MISSING)
        return {"audit": missing, "num_leaks": 0, "audit_rows": [], "duplicate_groups": [], "balance": ""}
    return {
        "audit": Section(audit),
        "num_leaks": sum(group.crosses_splits for group in audit.duplicates),
        "audit_rows": audit_tables.audit_rows(audit),
        "duplicate_groups": audit_tables.duplicate_tiles(audit, dataset, gallery),
        "balance": audit_tables.describe_balance(audit),
    }


def _label_issue_tiles(review: Review | None, gallery: Gallery) -> list[Tile]:
    return [
        gallery.tile(
            issue.path,
            f"labelled {issue.given}, model says {issue.suggested} ({formatting.percent(issue.probability)})",
        )
        for issue in (review.label_issues[:MAX_TILES] if review else ())
    ]


def _write(path: Path, text: str) -> None:
    # File names that are not valid Unicode contain surrogates, which UTF-8 cannot encode
    content = text.encode("utf-8", "backslashreplace")
    with saving("The report", path):
        write_atomic(path, lambda temporary: temporary.write_bytes(content))
