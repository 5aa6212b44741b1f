"""The subcommand export. It returns the exit code."""

from pathlib import Path

from engine import jobs
from engine.cli.arguments import Flag, ModelArgument
from engine.cli.console import Console
from engine.cli.output import DONE, print_event, print_json, print_line
from engine.results.export_verification import ExportFormat, ExportOptions
from engine.runs.locate import locate_model


def export(
    model: ModelArgument,
    /,
    out: Path,
    format: ExportFormat = "onnx",
    int8: Flag = False,
    normalised_input: Flag = False,
    data: Path | None = None,
    json: Flag = False,
) -> int:
    """Export a model for other programs and verify that the exported file gives the same predictions.

    Args:
        model: A model.safetensors file, or a run folder.
        out: File to write, such as model.onnx. Its verification record, and for ONNX predict.py, are saved beside it.
        format: onnx runs nearly everywhere; pt2 is read by torch.export.load.
        int8: Quantize to 8-bit integers: smaller and mostly faster. Refused if accuracy drops by more than 2 points.
        normalised_input: The file takes normalised floats, not pixels from 0 to 255.
        data: Folder of images to verify with. Default: the validation images of the model's run.
        json: Print the verification record as JSON.
    """
    console = Console()
    options = ExportOptions(format=format, int8=int8, normalises=not normalised_input)
    record = console.run(jobs.export(locate_model(model), out, options, data), print_event(console))
    if json:
        print_json(record.model_dump_json())
    else:
        print_line(record.sentence())
    console.print_message(f"Exported model: {out}")
    return DONE
