"""Subcommands that list runs and backbones and write reports. Each returns the exit code."""

from json import dumps as dump_json
from pathlib import Path
from typing import Annotated

from tyro.conf import Positional, arg

from engine import jobs
from engine.cli.arguments import Flag, RunArgument
from engine.cli.console import Console
from engine.cli.moved_images import MovedImages, find_run
from engine.cli.output import DONE, print_json, print_line, run_json
from engine.config.backbones import BACKBONES, NON_COMMERCIAL, Backbone, find_backbone
from engine.config.local_weights import is_on_this_machine
from engine.config.weight_origin import describe_imagenet_weights
from engine.core.formatting import size
from engine.core.paths import default_runs_folder
from engine.runs.locate import locate_runs
from engine.runs.run_folder import list_runs


def runs(folder: Annotated[Positional[Path | None], arg(metavar="DIR")] = None, /, json: Flag = False) -> int:
    """List runs with their best validation accuracy.

    Args:
        folder: Folder of run folders, or one run folder. Default: the one that the window uses.
        json: Print one JSON object per line.
    """
    for run in locate_runs(folder) if folder is not None else list_runs(default_runs_folder()):
        history = run.history
        best = history.best
        if json:
            print_json(run_json(run.path, run.config, history))
        else:
            low, high = history.interval
            score = f"{best.accuracy:.3f} ({low:.3f} to {high:.3f})" if best else f"{'-':>22}"
            print_line(f"{score}  {run.config.model.backbone:<20} {len(history.epochs):>4} epochs  {run.path}")
            headline = history.headline
            for sentence in headline.caveats() if headline is not None else ():
                print_line(f"{'':>22}  {sentence}")
    return DONE


def report(run: RunArgument, /, out: Path, data: MovedImages = None) -> int:
    """Write all results of a run into one self-contained HTML file.

    Args:
        run: The run folder.
        out: HTML file to write, such as report.html.
    """
    console = Console()
    print_line(f"Report: {console.run(jobs.report(find_run(console, run, data), out))}")
    return DONE


def backbones(name: Annotated[Positional[str | None], arg(metavar="NAME")] = None, /, json: Flag = False) -> int:
    """List all backbones with parameters, MACs, top-1 accuracy, image size and weights; or the layers of one.

    Args:
        name: Backbone whose layers are listed.
        json: Print one JSON object per line.
    """
    if name is not None:
        _print_layers(name, json)
        return DONE
    for row in BACKBONES.values():
        top1 = "-" if row.top1 is None else f"{row.top1:.1f}"
        if json:
            print_json(
                dump_json(row.as_dict() | {"included": row.is_included, "weights": describe_imagenet_weights(row)})
            )
        else:
            print_line(
                f"{row.name:<20} {row.num_parameters / 1e6:>7.1f} M {row.multiply_adds:>9,} M "
                f"{top1:>6} {row.image_size:>5} px  {_availability(row)}"
            )
    return DONE


def _availability(row: Backbone) -> str:
    """Return the place of the ImageNet weights of a backbone: with the program, on this computer or a download."""
    if not row.weights_file:
        return "-"
    terms = ", not for commercial use" if row.name in NON_COMMERCIAL else ""
    if row.is_included:
        return f"included{terms}"
    return f"{'on this computer' if is_on_this_machine(row) else f'download {size(row.weights_mb)}'}{terms}"


def _print_layers(name: str, json: bool) -> None:
    row = find_backbone(name)
    summary = Console().run(jobs.summarize(row.name, 1000, row.image_size))
    for layer in summary.layers:
        if json:
            print_json(dump_json(layer.as_dict()))
        else:
            output = " x ".join(map(str, layer.output))
            print_line(
                f"{layer.name:<44} {layer.kind:<20} {output:<18} {layer.num_parameters:>12,} {layer.multiply_adds:>14,}"
            )
