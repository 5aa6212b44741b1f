"""The subcommands that take a model away. Each returns the exit code."""

from contextlib import suppress
from dataclasses import asdict
from json import dumps as dump_json
from pathlib import Path
from typing import Annotated

from tyro.conf import Positional, arg

from engine import jobs
from engine.cli.console import Console
from engine.cli.output import DONE, Flag, print_event, print_line
from engine.core.event_stream import StoppedByUserError
from engine.core.events import Event, Serving
from engine.results.calibration import DEFAULT_MAX_ERROR
from engine.results.export_verification import ExportFormat, ExportOptions
from engine.results.predictions import Prediction
from engine.sorting.file_transfer import TransferMode
from engine.sorting.sorter import default_target


def export(
    model: Annotated[Positional[Path], arg(metavar="MODEL")],
    /,
    out: Path,
    format: ExportFormat = "onnx",
    int8: Flag = False,
    normalised_input: Flag = False,
    data: Path | None = None,
    json: Flag = False,
) -> int:
    """Write a model for other programs, and prove that it answers as this one does.

    Args:
        model: A model.safetensors file.
        out: File to write, such as model.onnx. Its certificate, and for ONNX predict.py, go beside it.
        format: onnx runs nearly everywhere; pt2 is read by torch.export.load.
        int8: Use 8-bit integers: smaller and mostly faster. Refused where it costs over 2 % of accuracy.
        normalised_input: The file takes normalised floats, not pixels from 0 to 255.
        data: Folder of images to prove it with. Default: the validation images of the model's run.
        json: Print the certificate as JSON.
    """
    console = Console()
    options = ExportOptions(format=format, int8=int8, normalises=not normalised_input)
    certificate = console.run(jobs.export(model, out, options, data), print_event(console))
    print_line(certificate.model_dump_json() if json else certificate.sentence())
    console.print_message(f"The model lies at {out}")
    return DONE


def sort(
    model: Annotated[Positional[Path], arg(metavar="MODEL")],
    folder: Annotated[Positional[Path], arg(metavar="DIR")],
    /,
    by: TransferMode = "copy",
    out: Path | None = None,
    max_error: float = DEFAULT_MAX_ERROR,
    json: Flag = False,
) -> int:
    """Sort the images in a folder into a folder for each class, and doubtful ones into review/.

    Args:
        model: A model.safetensors file.
        folder: Folder of images to sort.
        by: copy, move, or link (a second name for the same file).
        out: Folder to sort into. Default: a new one beside DIR.
        max_error: Share of wrong ones you allow among the sorted; doubtful images go to review/. 1: none do.
        json: Print one JSON object.
    """
    console = Console()
    target = out or default_target(folder)
    allowed = None if max_error >= 1 else max(0.0, max_error)
    console.print_message(f"Sorting into {target}. To take it back: classifold unsort {target}")
    result = console.run(jobs.sort(model, folder, target, by, allowed), print_event(console))
    if json:
        print_line(dump_json({**asdict(result), "target": str(result.target), "undo_path": str(result.undo_path)}))
    else:
        for name, num_images in sorted(result.num_per_folder.items()):
            print_line(f"{num_images:>8}  {name}")
        if result.skipped:
            print_line(f"{len(result.skipped):>8}  left where they are")
    return DONE


def unsort(path: Annotated[Positional[Path], arg(metavar="PATH")], /, json: Flag = False) -> int:
    """Take back what sort did: every file gets its name and place again.

    Args:
        path: The folder that was sorted into, or the undo file in it.
        json: Print one JSON object.
    """
    console = Console()
    result = console.run(jobs.undo_sort(path), print_event(console))
    if json:
        print_line(dump_json(asdict(result)))
        return DONE
    print_line(f"{result.num_restored} images were put back.")
    for name, reason in result.skipped:
        print_line(f"{name}: left there. {reason}")
    return DONE


def serve(
    model: Annotated[Positional[Path], arg(metavar="MODEL")],
    /,
    port: int = 8008,
    host: str = "127.0.0.1",
    max_error: float = DEFAULT_MAX_ERROR,
) -> int:
    """Answer other programs over HTTP: POST an image to /predict, or open the address in a browser. Ctrl-C ends it.

    Args:
        model: A model.safetensors file.
        port: Port to listen on. 0: any that is free.
        host: Address to listen on. Other computers reach it only where you name another than this one.
        max_error: Share of wrong ones you allow among the answers; doubtful images are left `unsure`. 1: answer all.
    """
    console = Console()
    tell_others = print_event(console)

    def tell(event: Event | Prediction) -> None:
        if isinstance(event, Serving):
            print_line(event.url)
            console.print_message(f"Try it: curl --data-binary @image.jpg {event.url}/predict")
        else:
            tell_others(event)

    allowed = None if max_error >= 1 else max(0.0, max_error)
    with suppress(StoppedByUserError):  # there is no other end
        console.run(jobs.serve(model, port, host, allowed), tell)
    return DONE
