"""The work the program can do, as generators of events; the only lazy door to `engine.ml`.

Pull to go on, close to stop. An EngineError is for the user, any other exception is a bug, the result is returned.
torch is imported when the first generator that needs it is pulled, so that the window opens without it.
"""

from collections.abc import Generator, Sequence
from pathlib import Path
from typing import TypeAlias, TypeVar

from engine.audit import check as check_files
from engine.config import RunConfig
from engine.dataset import Dataset, require_trainable, scan_in_steps
from engine.decode import Pixels
from engine.errors import EngineError
from engine.events import Event, Warned
from engine.explanation import Explanation
from engine.findings import Audit
from engine.log import logged_to
from engine.predictions import Prediction
from engine.progress import Ticker
from engine.results import Evaluation, Unreadable
from engine.robustness import RobustnessCard
from engine.runs import Run, create_run, record
from engine.summary import Summary
from engine.workers import is_restarted, leads

Result = TypeVar("Result")
Work: TypeAlias = Generator[Event, None, Result]


def scan(root: Path) -> Work[Dataset]:
    """Read a folder; return it unsplit."""
    ticker = Ticker("scan", total=0)
    steps = scan_in_steps(root)
    while True:
        try:
            num_found = next(steps)
        except StopIteration as end:
            return end.value  # type: ignore[no-any-return]
        yield from ticker.at(num_found)


def check(dataset: Dataset) -> Work[Audit]:
    """Open every image once, warn of each that is unreadable, and return all that is odd about the data set."""
    ticker = Ticker("check", total=len(dataset.samples))
    unreadable = []
    for num_done, checked in enumerate(check_files(dataset), start=1):
        if checked.reason is not None:
            unreadable.append(Unreadable(path=checked.sample.path, reason=checked.reason))
            yield Warned(message=checked.reason, path=checked.sample.path)
        yield from ticker.at(num_done)
    return Audit(unreadable=tuple(unreadable))


def train(dataset: Dataset, config: RunConfig, path: Path) -> Work[Run]:
    """Train on a split dataset and fill a new run folder at `path`; return the run.

    Closing the generator stops the training and keeps the best model so far. Under torchrun the first process speaks
    and writes, the others work silently; started again after one was killed, they go on where the run stands.
    """
    require_trainable(dataset)
    run = Run(path)
    if leads() and not (is_restarted() and run.config_path.is_file()):
        run = create_run(path, config, dataset)
    return (yield from _fill(run, config, dataset))


def resume(path: Path) -> Work[Run]:
    """Go on with a run that was interrupted, behind its last whole epoch; return it."""
    run = Run(path)
    if not run.checkpoint_path.is_file():
        raise EngineError("This run cannot go on: it is over, or it was stopped before its first epoch.", path)
    return (yield from _fill(run, run.config, run.dataset))


def _fill(run: Run, config: RunConfig, dataset: Dataset) -> Work[Run]:
    from engine.ml.figures import draw_history
    from engine.ml.train import fit

    if not leads():
        yield from fit(config, dataset, run)
        return run
    with logged_to(run.log_path):
        try:
            yield from record(run, fit(config, dataset, run))
        finally:
            draw_history(run.history, run.figure_path)
    return run


def evaluate(model: Path, data: Path) -> Work[Evaluation]:
    """Judge a model on the validation images of a folder, or on all images where it is not split."""
    from engine.ml.evaluate import evaluate_folder

    return (yield from evaluate_folder(model, data))


def predict(model: Path, paths: Sequence[Path], num_top: int = 5) -> Generator[Event | Prediction, None, int]:
    """Answer for image files and for all images inside folders; return how many were asked about."""
    from engine.ml.predict import predict_paths

    return (yield from predict_paths(model, paths, num_top))


def explain(model: Path, image: Path, label: str | None = None) -> Work[Explanation]:
    """Say what in an image speaks for class `label`, or for the model's answer, and which training images are near."""
    from engine.ml.explain import explain_image

    yield from ()
    return explain_image(model, image, label)


def draw_explanation(explanation: Explanation, path: Path) -> Work[None]:
    """Write the explanation as a figure to `path`."""
    from engine.ml.explanation_figure import draw_explanation as draw

    yield from ()
    draw(explanation, path)


def robustness(run: Run) -> Work[RobustnessCard]:
    """Measure a run's model on changed validation images; keep the card in the run folder and return it."""
    from engine.ml.robustness import measure_robustness

    return (yield from measure_robustness(run))


def preview(dataset: Dataset, config: RunConfig, num_images: int) -> Work[list[Pixels]]:
    """Return training images as the network would see them, augmented."""
    from engine.ml.augment import preview_images
    from engine.ml.setup import make_preprocessing

    yield from ()
    return preview_images(dataset, config.augment, config.training.seed, make_preprocessing(config), num_images)


def summarize(backbone: str, num_classes: int, image_size: int) -> Work[Summary]:
    """Return a network layer by layer."""
    from engine.ml.summary import summarize as summarize_layers

    yield from ()
    return summarize_layers(backbone, num_classes, image_size)
