"""The subcommands that take a model away. Each returns the exit code."""

from pathlib import Path
from typing import Annotated

from tyro.conf import Positional, arg

from engine import jobs
from engine.answers import DONE, Flag, say, tell_people
from engine.console import Console
from engine.exports import ExportFormat, ExportOptions


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
    certificate = console.follow(jobs.export(model, out, options, data), tell_people(console))
    say(certificate.model_dump_json() if json else certificate.sentence())
    console.say(f"The model lies at {out}")
    return DONE
