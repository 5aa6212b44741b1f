"""The work the program can do, as generators of events; the only lazy door to `engine.ml`.

Pull to go on, close to stop. An EngineError is for the user, any other exception is a bug, the result is returned.
torch is imported when the first generator that needs it is pulled, so that the window opens without it.
"""

from engine.jobs.base import EventStream
from engine.jobs.datasets import check, evaluate_corrections, preview, review, scan, split
from engine.jobs.delivery import all_licences, export, run_export, serve, sort, undo_sort
from engine.jobs.models import (
    draw_explanation,
    draw_history,
    evaluate,
    explain,
    learning_curve,
    predict,
    report,
    robustness,
    summarize,
    test,
)
from engine.jobs.trainings import finalize, resume, split_and_train, train

__all__ = [
    "EventStream",
    "all_licences",
    "check",
    "draw_explanation",
    "draw_history",
    "evaluate",
    "evaluate_corrections",
    "explain",
    "export",
    "finalize",
    "learning_curve",
    "predict",
    "preview",
    "report",
    "resume",
    "review",
    "robustness",
    "run_export",
    "scan",
    "serve",
    "sort",
    "split",
    "split_and_train",
    "summarize",
    "test",
    "train",
    "undo_sort",
]
