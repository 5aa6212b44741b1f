"""The subcommand explain. It returns the exit code."""

from pathlib import Path
from typing import Annotated

from tyro.conf import Positional, arg

from engine import jobs
from engine.cli.arguments import ModelArgument
from engine.cli.console import Console
from engine.cli.moved_images import MovedImages, find_run
from engine.cli.output import DONE, print_line
from engine.runs.locate import locate_model


def explain(
    model: ModelArgument,
    image: Annotated[Positional[Path], arg(metavar="IMAGE")],
    /,
    out: Path,
    label: str | None = None,
    data: MovedImages = None,
) -> int:
    """Draw the heat map of a prediction with the most similar training images.

    Args:
        model: A model.safetensors file, or a run folder.
        image: The image file.
        out: Image file to write, such as why.png.
        label: Class to explain. Default: the predicted class.
    """
    console = Console()
    model = locate_model(model)
    if data is not None:
        find_run(console, model, data)
    explanation = console.run(jobs.explain(model, image, label))
    console.run(jobs.draw_explanation(explanation, out))
    print_line(
        f"{image}: predicted {explanation.predicted}; heat map for {explanation.label} "
        f"({explanation.confidence:.1%}) in {out}"
    )
    for neighbour in explanation.neighbours:
        print_line(f"similar: {neighbour.path}: {neighbour.label}, similarity {neighbour.similarity:.2f}")
    if not explanation.neighbours:
        console.print_message(
            "There are no embeddings of training images beside the model, so no similar images are shown."
        )
    return DONE
