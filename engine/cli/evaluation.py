"""Subcommands that evaluate models: evaluate, test, compare, learning-curve, robustness. Each returns the exit code."""

from pathlib import Path

from engine import jobs
from engine.cli.arguments import DataArgument, Flag, ModelArgument, RunArgument
from engine.cli.console import Console
from engine.cli.moved_images import MovedImages, find_run
from engine.cli.output import DONE, print_evaluation, print_event, print_json, print_line
from engine.core.spreadsheet import write_table
from engine.results.evaluation import evaluation_rows
from engine.runs.locate import locate_model
from engine.runs.run_comparison import compare_runs


def evaluate(
    model: ModelArgument,
    data: DataArgument,
    /,
    json: Flag = False,
    csv: Path | None = None,
) -> int:
    """Evaluate a model on the validation images of a folder, or on all its images if it has no val/.

    Images that the model learnt from are left out, wherever they are now.

    Args:
        model: A model.safetensors file, or a run folder.
        data: Folder of images by class.
        json: Print one JSON object with all figures.
        csv: Write path, label, predicted class and confidence of every image to this table, misclassified ones first.
    """
    console = Console()
    evaluation = console.run(jobs.evaluate(locate_model(model), data), print_event(console))
    if csv is not None:
        write_table(csv, evaluation_rows(evaluation))
    print_evaluation(evaluation, json)
    return DONE


def evaluate_on_test_set(run: RunArgument, /, json: Flag = False, data: MovedImages = None) -> int:
    """Evaluate the model of a run on the images in test/ once; later calls print the saved result.

    Args:
        run: The run folder.
        json: Print one JSON object with all figures.
    """
    console = Console()
    print_evaluation(console.run(jobs.test(find_run(console, run, data)), print_event(console)), json)
    return DONE


def compare(first: RunArgument, second: RunArgument, /, data: MovedImages = None) -> int:
    """Test whether one of two runs is significantly better, on the validation images that both were evaluated on.

    Args:
        first: A run folder.
        second: Another run folder.
    """
    console = Console()
    print_line(compare_runs(*(find_run(console, path, data) for path in (first, second))))
    return DONE


def learning_curve(run: RunArgument, /, json: Flag = False, data: MovedImages = None) -> int:
    """Compute the learning curve of a run, its forecast for more images, and the expected gain of each class.

    Args:
        run: A run folder with its model.
        json: Print one JSON object.
    """
    console = Console()
    curve = console.run(jobs.learning_curve(find_run(console, run, data).path), print_event(console))
    if json:
        print_json(curve.model_dump_json())
        return DONE
    for point in curve.points:
        print_line(f"{point.num_images:>8} images  accuracy {point.accuracy:.3f} ({point.low:.3f} to {point.high:.3f})")
    last = curve.forecast[-1]
    print_line(
        f"{last.num_images:>8} images  accuracy {last.accuracy:.3f} ({last.low:.3f} to {last.high:.3f}), forecast"
    )
    print_line(curve.sentence)
    print_line("Expected change of F1 with twice the images of one class:")
    for row in curve.per_class:
        print_line(f"{row.name:<24} {row.num_images:>7} images now  {row.words}")
    for sentence in curve.caveats:
        print_line(sentence)
    return DONE


def robustness(run: RunArgument, /, json: Flag = False, data: MovedImages = None) -> int:
    """Evaluate the model of a run on validation images with rotation, blur, noise, brightness, JPEG and scale changes.

    Args:
        run: The run folder; the report is saved there as robustness.json.
        json: Print one JSON object.
    """
    console = Console()
    report = console.run(jobs.robustness(find_run(console, run, data)), print_event(console))
    if json:
        print_json(report.model_dump_json())
        return DONE
    print_line(f"{'unmodified':<42} {report.accuracy:>7.1%}   {report.num_images} images")
    for trial in report.trials:
        broken = trial.broken
        failure = f"   {broken.path}: {broken.label} predicted as {broken.predicted}" if broken else ""
        print_line(f"{trial.words:<42} {trial.accuracy:>7.1%}{failure}")
    for sentence in report.caveats:
        print_line(sentence)
    return DONE
