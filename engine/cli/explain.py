"""Subcommands that say why a model answers as it does, and where it gives way."""

from pathlib import Path
from typing import Annotated

from tyro.conf import Positional, arg

from engine import jobs
from engine.cli.console import Console
from engine.cli.output import DONE, Flag, print_event, print_line
from engine.runs.run_folder import Run


def explain(
    model: Annotated[Positional[Path], arg(metavar="MODEL")],
    image: Annotated[Positional[Path], arg(metavar="IMAGE")],
    /,
    out: Path,
    label: str | None = None,
) -> int:
    """Draw where the model looked in an image, and the training images that are nearest to it.

    Args:
        model: A model.safetensors file.
        image: The image file.
        out: Picture to write, such as why.png.
        label: Class to explain. Default: the model's answer.
    """
    console = Console()
    found = console.run(jobs.explain(model, image, label))
    console.run(jobs.draw_explanation(found, out))
    print_line(f"{image}: {found.predicted}; what speaks for {found.label} ({found.confidence:.1%}) is drawn in {out}")
    for neighbour in found.neighbours:
        print_line(f"near: {neighbour.path}: {neighbour.label}, similarity {neighbour.similarity:.2f}")
    if not found.neighbours:
        console.print_message("The model's folder keeps nothing of its training images, so none are shown beside it.")
    return DONE


def robustness(run: Annotated[Positional[Path], arg(metavar="RUN")], /, json: Flag = False) -> int:
    """Measure a run's model on validation images that are turned, blurred, noisy, dark, bright, compressed or small.

    Args:
        run: The run folder; the card is kept there as robustness.json.
        json: Print one JSON object.
    """
    console = Console()
    card = console.run(jobs.robustness(Run(run)), print_event(console))
    if json:
        print_line(card.model_dump_json())
        return DONE
    print_line(f"{'as they are':<42} {card.accuracy:>7.1%}   {card.num_images} images")
    for trial in card.trials:
        broken = trial.broken
        breaks = f"   {broken.path}: {broken.label} taken for {broken.predicted}" if broken else ""
        print_line(f"{trial.words:<42} {trial.accuracy:>7.1%}{breaks}")
    return DONE
