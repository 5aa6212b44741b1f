"""Everything the program can do, as generators of events; only this package loads `engine.ml`, and only when needed.

The caller pulls events with `next` and stops a job by closing its generator. An EngineError holds a message for the
user, any other exception is a bug, and the generator returns the result. torch is imported when the first event of a
job that needs it is pulled, so that the window opens without it.
"""

from engine.jobs.backbones import summarize
from engine.jobs.base import EventStream
from engine.jobs.dataset import check, preview, scan, split
from engine.jobs.evaluation import evaluate, learning_curve, robustness, test
from engine.jobs.exporting import export, run_export
from engine.jobs.input_batches import input_batches
from engine.jobs.labels import evaluate_corrections, review
from engine.jobs.licences import all_licences
from engine.jobs.moved_images import find_images
from engine.jobs.prediction import draw_explanation, explain, predict
from engine.jobs.presets import read_backbone, read_facts, resolve_for
from engine.jobs.reporting import draw_history, report
from engine.jobs.serving import serve
from engine.jobs.sorting import sort, undo_sort
from engine.jobs.tables import save_table
from engine.jobs.training import finalize, resume, split_and_train, train

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
    "find_images",
    "input_batches",
    "learning_curve",
    "predict",
    "preview",
    "read_backbone",
    "read_facts",
    "report",
    "resolve_for",
    "resume",
    "review",
    "robustness",
    "run_export",
    "save_table",
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
