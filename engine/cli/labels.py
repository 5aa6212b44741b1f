"""Subcommands about labels: the queue of what to look at, and decisions on it."""

import json as json_module
import os
from pathlib import Path
from typing import Annotated

from tyro.conf import Positional, arg

from engine import jobs
from engine.audit.review_queue import CorrectionGain, Review
from engine.cli.console import Console
from engine.cli.output import DONE, Flag, print_event, print_line
from engine.core.errors import EngineError
from engine.data.dataset import Dataset, scan
from engine.data.label_overrides import Action, append_decision, undo_last_decision

_Data = Annotated[Positional[Path], arg(metavar="DATA")]


def review(data: _Data, /, model: Path | None = None, json: Flag = False, most: int = 50) -> int:
    """List what a person should look at: doubted labels, duplicates and unreadable files.

    Args:
        data: Folder with one folder of images a class, or with train/ and val/.
        model: A model.safetensors file, such as one trained on this folder; without it labels are not doubted.
        json: Print one JSON object an image, and a last one with the scores.
        most: How many images to list.
    """
    console = Console()
    tell = print_event(console)
    dataset = console.run(jobs.scan(data))
    audit = console.run(jobs.check(dataset))
    queue = console.run(jobs.review(dataset, model, audit), tell)
    for item in queue.items[: max(0, most)]:
        print_line(item.model_dump_json() if json else f"{item.path}: {item.reason}")
    rescore = None if model is None else console.run(jobs.evaluate_corrections(dataset, model, audit))
    if json:
        print_line(_scores_json(queue, rescore))
    else:
        _say_scores(queue, rescore)
    return DONE


def label(
    data: _Data,
    path: Annotated[Positional[Path | None], arg(metavar="PATH")] = None,
    /,
    as_: Annotated[str | None, arg(name="as", metavar="CLASS")] = None,
    exclude: Flag = False,
    keep: Flag = False,
    undo: Flag = False,
) -> int:
    """Correct the label of an image, leave it out, or say that its label stands; the image itself is never touched.

    The decision is written to classifold-labels.jsonl in the data folder, and every scan follows it.

    Args:
        data: Folder with one folder of images a class, or with train/ and val/.
        path: The image: its path, or its path below DATA.
        as_: Give it this class.
        exclude: Leave it out.
        keep: Its label was looked at and stands.
        undo: Take back the last decision.
    """
    if undo:
        if path is not None or as_ is not None or exclude or keep:
            raise EngineError("--undo takes back the last decision; give it nothing else.")
        return _undo(data)
    if path is None or (as_ is not None) + exclude + keep != 1:
        raise EngineError("Name one image and one of --as CLASS, --exclude and --keep, or use --undo.")
    filed = scan(data, is_corrected=False)
    inside = _below(filed, path)
    if as_ is not None and as_ not in filed.classes:
        raise EngineError(f"There is no class '{as_}' here. The classes are {', '.join(filed.classes[:20])}.", data)
    action: Action = "exclude" if exclude else "keep" if keep else "relabel"
    append_decision(data, inside, action, as_)
    print_line(f"{inside}: {_word(action, as_)}")
    return DONE


def growth(run: Annotated[Positional[Path], arg(metavar="RUN")], /, json: Flag = False) -> int:
    """Say what more images would bring: a learning curve, its forecast, and the gain of each class.

    Args:
        run: A run folder with its model.
        json: Print one JSON object.
    """
    console = Console()
    found = console.run(jobs.learning_curve(run), print_event(console))
    if json:
        print_line(found.model_dump_json())
        return DONE
    for point in found.points:
        print_line(f"{point.num_images:>8} images  accuracy {point.accuracy:.3f} ({point.low:.3f} to {point.high:.3f})")
    then = found.forecast[-1]
    print_line(
        f"{then.num_images:>8} images  accuracy {then.accuracy:.3f} ({then.low:.3f} to {then.high:.3f}), forecast"
    )
    print_line(found.sentence)
    print_line("Twice as many images of one class alone, change of its F1:")
    for row in found.per_class:
        print_line(f"{row.name:<24} {row.num_images:>7} images now  {row.words}")
    return DONE


def _undo(data: Path) -> int:
    taken_back = undo_last_decision(data)
    if taken_back is None:
        raise EngineError("There is nothing to take back.", data)
    print_line(f"{taken_back.path}: no longer {_word(taken_back.action, taken_back.class_name)}")
    return DONE


def _below(dataset: Dataset, path: Path) -> str:
    """Return the path below the root, with '/', of an image that is in the folder."""
    known = {sample.path for sample in dataset.samples}
    root = os.path.abspath(dataset.root)
    absolute = os.path.abspath(path)
    inside = absolute.startswith(root + os.sep)
    candidates = [path.as_posix(), *([Path(os.path.relpath(absolute, root)).as_posix()] if inside else [])]
    for candidate in candidates:
        if candidate in known:
            return candidate
    raise EngineError("This image is not among those of the folder.", path)


def _word(action: Action, class_name: str | None) -> str:
    return {"exclude": "left out", "keep": "kept as it stands", "relabel": f"relabelled as {class_name}"}[action]


def _scores_json(queue: Review, rescore: CorrectionGain | None) -> str:
    scores = rescore.model_dump() if rescore is not None else None
    return json_module.dumps(
        {"num_items": len(queue.items), "accuracy": queue.accuracy, "num_images": queue.num_images, "rescore": scores}
    )


def _say_scores(queue: Review, rescore: CorrectionGain | None) -> None:
    print_line(f"{len(queue.items)} images to look at")
    if rescore is not None:
        print_line(
            f"cross-validated accuracy: {rescore.accuracy_given:.3f} as filed ({rescore.num_given} images); on checked "
            f"labels {rescore.before:.3f} learnt as filed, {rescore.after:.3f} corrected ({rescore.num_images} images)"
        )
