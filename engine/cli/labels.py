"""Subcommands about labels: the review queue, and corrections in the label log. Each returns the exit code."""

import json as json_module
from pathlib import Path
from typing import Annotated

from tyro.conf import Positional, arg

from engine import jobs
from engine.audit.review_queue import CorrectionGain, Review
from engine.cli.arguments import DataArgument, Flag
from engine.cli.console import Console
from engine.cli.output import DONE, print_event, print_json, print_line
from engine.core.errors import EngineError
from engine.core.formatting import listing
from engine.core.paths import path_below
from engine.core.relative_path import relative_path_to_text
from engine.data.class_names import match_class_names
from engine.data.dataset import Dataset, scan
from engine.data.label_log import label_log_path
from engine.data.label_overrides import Action, append_decision, undo_last_decision
from engine.data.similar_paths import SimilarPaths
from engine.runs.locate import locate_model


def review(data: DataArgument, /, model: Path | None = None, json: Flag = False, most: int = 50) -> int:
    """List images that need review: suspected wrong labels, duplicates and unreadable files.

    Args:
        data: Folder with one folder of images per class, or with train/ and val/.
        model: A model.safetensors file or run folder, such as one trained on this folder, to find wrong labels.
        json: Print one JSON object per image, and a last one with the scores.
        most: Maximum number of images to list.
    """
    console = Console()
    model = None if model is None else locate_model(model)
    dataset = console.run(jobs.scan(data))
    audit = console.run(jobs.check(dataset))
    queue = console.run(jobs.review(dataset, model, audit), print_event(console))
    for item in queue.items[: max(0, most)]:
        if json:
            print_json(item.model_dump_json())
        else:
            print_line(f"{item.path}: {item.reason}")
    gain = None if model is None else console.run(jobs.evaluate_corrections(dataset, model, audit))
    if json:
        print_json(_scores_json(queue, gain))
    else:
        _print_scores(queue, gain)
    return DONE


def relabel(
    data: DataArgument,
    path: Annotated[Positional[Path | None], arg(metavar="PATH")] = None,
    /,
    to: Annotated[str | None, arg(metavar="CLASS")] = None,
    exclude: Flag = False,
    keep: Flag = False,
    undo: Flag = False,
) -> int:
    """Correct the label of an image, exclude the image or confirm its label; image files are never changed.

    The decision is saved in classifold-labels.jsonl in the data folder, and every scan applies it. If the data
    cannot be written to, it is saved in the home folder of the program.

    Args:
        data: Folder with one folder of images per class, or with train/ and val/.
        path: The image: its path, or its path below DATA.
        to: Correct class of the image.
        exclude: Exclude the image from training and evaluation.
        keep: Confirm the label of the image.
        undo: Undo the last decision.
    """
    if undo:
        if path is not None or to is not None or exclude or keep:
            raise EngineError("--undo undoes the last decision and takes no image and no other option.")
        return _undo(data)
    if path is None or (to is not None) + exclude + keep != 1:
        raise EngineError("Name one image and one of --to CLASS, --exclude and --keep, or use --undo.")
    dataset = scan(data, is_corrected=False)
    inside = _relative_path(dataset, path)
    to = None if to is None else match_class_names([to], dataset.classes).get(to, to)
    if to is not None and to not in dataset.classes:
        raise EngineError(f"There is no class '{to}' here. The classes are {listing(dataset.classes, 20)}.", data)
    action: Action = "exclude" if exclude else "keep" if keep else "relabel"
    log = append_decision(data, inside, action, to)
    print_line(f"{inside}: {_describe(action, to)}")
    if log != label_log_path(data):
        Console().print_message(f"The data folder cannot be written to, so the correction is kept in {log}")
    return DONE


def _undo(data: Path) -> int:
    decision = undo_last_decision(data)
    if decision is None:
        raise EngineError("There is no decision to undo.", data)
    print_line(f"{decision.path}: undone: {_describe(decision.action, decision.class_name)}")
    return DONE


def _relative_path(dataset: Dataset, path: Path) -> str:
    """Return the path of an image of the dataset relative to its root, with '/'."""
    images = SimilarPaths(dataset.root, dataset.paths)
    for candidate in (path, path_below(path, dataset.root)):
        found = images.find(relative_path_to_text(candidate.as_posix())) if candidate is not None else None
        if found is not None:
            return found
    raise EngineError("This image is not in the dataset.", path)


def _describe(action: Action, class_name: str | None) -> str:
    return {"exclude": "excluded", "keep": "label confirmed", "relabel": f"relabelled to {class_name}"}[action]


def _scores_json(queue: Review, gain: CorrectionGain | None) -> str:
    return json_module.dumps(
        {
            "num_items": len(queue.items),
            "accuracy": queue.accuracy,
            "num_images": queue.num_images,
            "correction_gain": gain.model_dump() if gain is not None else None,
        }
    )


def _print_scores(queue: Review, gain: CorrectionGain | None) -> None:
    print_line(f"{len(queue.items)} images to review")
    if gain is not None:
        print_line(
            "cross-validated accuracy on images that the model has not learnt from: "
            f"{gain.accuracy_given:.3f} on given labels ({gain.num_given} images); on "
            f"corrected labels {gain.before:.3f} when trained on given labels, {gain.after:.3f} when trained on "
            f"corrected labels ({gain.num_images} images)"
        )
