"""The subcommand sort. It returns the exit code."""

from dataclasses import asdict
from json import dumps as dump_json
from pathlib import Path
from typing import Annotated

from tyro.conf import Positional, arg

from engine import jobs
from engine.cli.arguments import Flag, UsageError, error_limit
from engine.cli.console import Console, as_argument
from engine.cli.output import DONE, print_event, print_json, print_line
from engine.core.errors import EngineError
from engine.core.formatting import count
from engine.results.calibration import DEFAULT_MAX_ERROR
from engine.results.model_metadata import read_metadata
from engine.runs.locate import locate_model
from engine.sorting.file_transfer import TransferMode
from engine.sorting.sorter import default_target


def sort(
    model: Annotated[Positional[Path | None], arg(metavar="MODEL")] = None,
    folder: Annotated[Positional[Path | None], arg(metavar="DIR")] = None,
    /,
    mode: TransferMode = "copy",
    out: Path | None = None,
    max_error: float = DEFAULT_MAX_ERROR,
    undo: Annotated[Path | None, arg(metavar="DIR")] = None,
    json: Flag = False,
) -> int:
    """Sort the images in a folder into one folder per predicted class, and unsure ones into review/; or undo it.

    If a class is called "review", unsure images go into _review/. The exit code is 1 if an image could not be sorted.

    Args:
        model: A model.safetensors file, or a run folder.
        folder: Folder of images to sort.
        mode: copy, move, or link (a hard link to the same file).
        out: Folder to sort into. Default: a new one beside DIR.
        max_error: Maximum error rate (0 to 1) among sorted images; less confident ones go to review/. 1: no limit.
        undo: Restore the original files of this sorted folder, or of the undo file in it; takes no MODEL and DIR.
        json: Print one JSON object.
    """
    if undo is not None:
        if model is not None or out is not None or mode != "copy" or max_error != DEFAULT_MAX_ERROR:
            raise UsageError("--undo takes only the sorted folder: classifold sort --undo DIR")
        return _undo(undo, json)
    if model is None or folder is None:
        raise UsageError("Name a model and a folder: classifold sort MODEL DIR, or classifold sort --undo DIR")
    console, model = Console(), locate_model(model)
    read_metadata(model)  # a wrong file is an error before a folder to undo is announced
    target = out or default_target(folder)
    console.print_message(f"Sorting into {target}. To undo it: classifold sort --undo {as_argument(target)}")
    result = console.run(jobs.sort(model, folder, target, mode, error_limit(max_error)), print_event(console))
    if json:
        print_json(dump_json({**asdict(result), "target": str(result.target), "undo_path": str(result.undo_path)}))
    else:
        for name, num_images in sorted(result.num_per_folder.items()):
            note = " (to be checked by a person)" if name == result.review_folder else ""
            print_line(f"{num_images:>8}  {name}{note}")
        if result.skipped:
            print_line(f"{len(result.skipped):>8}  skipped")
    if result.num_failed:
        images = count(result.num_failed, "image")
        raise EngineError(f"{images} could not be sorted and stayed in place. The reasons are above.", folder)
    return DONE


def _undo(path: Path, json: bool) -> int:
    result = Console().run(jobs.undo_sort(path))
    if json:
        print_json(dump_json(asdict(result)))
        return DONE
    print_line(f"{result.num_restored} images were restored.")
    for name, reason in result.skipped:
        print_line(f"{name}: not restored. {reason}")
    return DONE
