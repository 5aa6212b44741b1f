"""The work the program can do, as generators of events; the only lazy door to `engine.ml`.

Pull to go on, close to stop. An EngineError is for the user, any other exception is a bug, the result is returned.
torch is imported when the first generator that needs it is pulled, so that the window opens without it.
"""

import logging
import os
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import TypeAlias, TypeVar

from engine.audit import Surveyed, compare, survey
from engine.calibration import DEFAULT_MAX_ERROR
from engine.config import DataConfig, RunConfig
from engine.corrections import read_decisions
from engine.dataset import Dataset, require_trainable, scan_in_steps
from engine.decode import Pixels
from engine.errors import EngineError
from engine.events import Event, Warned
from engine.explanation import Explanation
from engine.files import remove_leftovers, saving
from engine.findings import Audit
from engine.growth import Growth
from engine.imbalance import imbalance
from engine.journal import record
from engine.lock import locked
from engine.log import logged_to
from engine.oddities import find_oddities
from engine.predictions import Prediction
from engine.progress import Ticker, told
from engine.results import Evaluation
from engine.review import Rescore, Review, build_queue
from engine.robustness import RobustnessCard
from engine.runs import Run, create_run
from engine.splits import split as split_by_draw
from engine.summary import Summary
from engine.workers import is_restarted, leads

logger = logging.getLogger(__name__)

Result = TypeVar("Result")
Yielded = TypeVar("Yielded", bound=Event | Prediction)
Work: TypeAlias = Generator[Event, None, Result]


def scan(root: Path) -> Work[Dataset]:
    """Read a folder; return it unsplit."""
    return (yield from told(scan_in_steps(root), Ticker("scan", total=0)))


def check(dataset: Dataset) -> Work[Audit]:
    """Open every image once, warn of each that is unreadable, and return all that is odd about the data set."""
    from engine.ml.shortcuts import find_shortcuts

    surveyed = yield from survey(dataset)
    yield from (Warned(message=bad.reason, path=bad.path) for bad in surveyed.unreadable)
    duplicates = yield from compare(surveyed)
    readable = dataset.without(frozenset(bad.path for bad in surveyed.unreadable))
    return Audit(
        unreadable=surveyed.unreadable,
        duplicates=duplicates,
        oddities=find_oddities(surveyed.samples, surveyed.records),
        shortcuts=find_shortcuts(dataset, surveyed.samples, surveyed.records, duplicates),
        imbalance=imbalance(readable.counts("train")),
    )


def split(dataset: Dataset, data: DataConfig) -> Work[Dataset]:
    """Return the dataset split by the settings, warning of the images that cannot be read, which are left out.

    Left out before the draw, they change nothing for the others. Copies and bursts stay on one side where the settings
    ask for it.
    """
    surveyed = yield from survey(dataset)
    yield from _left_out(surveyed)
    return (yield from _split_readable(dataset, data, surveyed))


def _split_readable(dataset: Dataset, data: DataConfig, surveyed: Surveyed) -> Work[Dataset]:
    dataset = dataset.without(frozenset(bad.path for bad in surveyed.unreadable))
    if dataset.has_val or not data.group_duplicates:
        return split_by_draw(dataset, data.val_fraction, data.seed)
    duplicates = yield from compare(surveyed)
    return split_by_draw(dataset, data.val_fraction, data.seed, [group.paths for group in duplicates])


def _left_out(surveyed: Surveyed) -> Iterator[Warned]:
    return (Warned(message=f"Left out: {bad.reason}", path=bad.path) for bad in surveyed.unreadable)


def split_and_train(dataset: Dataset, config: RunConfig, path: Path) -> Work[Run]:
    """Split the dataset, then do what `train` does; what cannot be read is named in the run's journal too."""
    surveyed = yield from survey(dataset)
    dataset = yield from _split_readable(dataset, config.data, surveyed)
    return (yield from _train(dataset, config, path, _left_out(surveyed)))


def train(dataset: Dataset, config: RunConfig, path: Path) -> Work[Run]:
    """Train on a split dataset and fill a new run folder at `path`; return the run.

    Closing the generator stops the training and keeps the best model so far. Under torchrun the first process speaks
    and writes, the others work silently; started again after one was killed, they go on where the run stands.
    """
    return (yield from _train(dataset, config, path, ()))


def _train(dataset: Dataset, config: RunConfig, path: Path, left_out: Iterable[Warned]) -> Work[Run]:
    require_trainable(dataset)
    run = Run(path)
    if not leads():
        return (yield from _follow(run, config, dataset))
    with _working_on(run):
        if not (is_restarted() and run.config_path.is_file()):
            create_run(path, config, dataset)
        return (yield from _fill(run, config, dataset, left_out))


def resume(path: Path) -> Work[Run]:
    """Go on with a run where it was interrupted or stopped, in the middle of an epoch too; return it."""
    run = Run(path)
    config, dataset = run.config, run.dataset
    if not os.path.isdir(dataset.root):
        raise EngineError("The images of this run are gone. Connect their drive or put the folder back.", dataset.root)
    if not leads():
        return (yield from _follow(run, config, dataset))
    with _working_on(run):
        if run.is_over:
            raise EngineError("This run cannot go on: it is over.", path)
        return (yield from _fill(run, config, dataset, ()))


@contextmanager
def _working_on(run: Run) -> Iterator[None]:
    """Make the run folder where there is none, and lock it."""
    with saving("The run", run.path):
        run.path.mkdir(parents=True, exist_ok=True)
    with locked(run.path):
        yield


def _heavy(work: Generator[Yielded, None, Result]) -> Generator[Yielded, None, Result]:
    """Do work of `engine.ml`; what memory and device do to it becomes EngineError."""
    from engine.ml.failures import device_failures_told

    with device_failures_told():
        return (yield from work)


def _once(function: Callable[[], Result]) -> Generator[Event, None, Result]:
    """Return work that tells of nothing on its way."""
    yield from ()
    return function()


def _follow(run: Run, config: RunConfig, dataset: Dataset) -> Work[Run]:
    """Do the share of a process that another one speaks for."""
    from engine.ml.train import fit

    yield from _heavy(fit(config, dataset, run))
    return run


def _fill(run: Run, config: RunConfig, dataset: Dataset, left_out: Iterable[Warned]) -> Work[Run]:
    from engine.awake import kept_awake
    from engine.ml.figures import draw_history
    from engine.ml.train import fit

    def work() -> Work[None]:
        yield from left_out
        try:
            done = yield from _heavy(fit(config, dataset, run))
        finally:
            try:
                draw_history(run.history, run.figure_path)
            except OSError as error:  # the picture can be drawn again, and must not hide what happened before
                logger.warning("The curves were not drawn: %s", error)
        yield done

    remove_leftovers(run.path)
    with logged_to(run.log_path), kept_awake(config.training.keep_awake):
        yield from record(run, work())
        with suppress(OSError):
            run.checkpoint_path.unlink()  # only now: a run without an end needs it
    return run


def evaluate(model: Path, data: Path) -> Work[Evaluation]:
    """Judge a model on the validation images of a folder, or on all images where it is not split."""
    from engine.ml.evaluate import evaluate_folder

    return (yield from _heavy(evaluate_folder(model, data)))


def predict(
    model: Path, paths: Sequence[Path], num_top: int = 5, max_error: float | None = DEFAULT_MAX_ERROR
) -> Generator[Event | Prediction, None, int]:
    """Answer for image files and for all images inside folders; return how many were asked about.

    Answers among which more than `max_error` (0..1) would be wrong are `unsure`; None answers all.
    """
    from engine.ml.predict import predict_paths

    return (yield from _heavy(predict_paths(model, paths, num_top, max_error)))


def complete(run: Run) -> Work[None]:
    """Do what the end of a training does for a run that was stopped: remember what its images look like to it."""
    from engine.ml.finish import complete as complete_run

    with locked(run.path):
        yield from _heavy(complete_run(run))


def test(run: Run) -> Work[Evaluation]:
    """Judge the model of a run on the test images, once: a second time gives the first result again."""
    from engine.ml.evaluate import evaluate_test

    return (yield from _heavy(evaluate_test(run)))


def review(dataset: Dataset, model: Path | None, audit: Audit) -> Work[Review]:
    """Return the queue of what a person should look at; without a model it holds what the audit found and no more."""
    if model is None:
        yield from ()
        return Review(items=build_queue(dataset, audit, (), read_decisions(dataset.root)))
    from engine.ml.labels import review as review_labels

    return (yield from _heavy(review_labels(dataset, model, audit)))


def rescore(dataset: Dataset, model: Path, audit: Audit = Audit()) -> Work[Rescore]:  # noqa: B008 - frozen
    """Return what the corrections beside the images did to the cross-validated accuracy."""
    from engine.ml.labels import rescore as rescore_labels

    return (yield from _heavy(rescore_labels(dataset, model, audit)))


def growth(path: Path) -> Work[Growth]:
    """Return the learning curve of a run folder, what more images would bring, and keep it there."""
    from engine.ml.growth import grow

    return (yield from _heavy(grow(Run(path))))


def explain(model: Path, image: Path, label: str | None = None) -> Work[Explanation]:
    """Say what in an image speaks for class `label`, or for the model's answer, and which training images are near."""
    from engine.ml.explain import explain_image

    return (yield from _heavy(_once(lambda: explain_image(model, image, label))))


def draw_explanation(explanation: Explanation, path: Path) -> Work[None]:
    """Write the explanation as a figure to `path`."""
    from engine.ml.explanation_figure import draw_explanation as draw

    yield from ()
    draw(explanation, path)


def robustness(run: Run) -> Work[RobustnessCard]:
    """Measure a run's model on changed validation images; keep the card in the run folder and return it."""
    from engine.ml.robustness import measure_robustness

    return (yield from _heavy(measure_robustness(run)))


def report(run: Run, path: Path) -> Work[Path]:
    """Write all that is known of a run into one HTML file that is read without the program; return its path.

    What was not measured before is measured now and kept in the run folder.
    """
    from engine.ml.report import write_report

    dataset = run.dataset
    audit = (yield from check(dataset)) if os.path.isdir(dataset.root) else None
    return (yield from _heavy(write_report(run, path, audit)))


def preview(dataset: Dataset, config: RunConfig, num_images: int) -> Work[list[Pixels]]:
    """Return training images as the network would see them, augmented."""
    from engine.ml.augment import preview_images
    from engine.ml.setup import make_preprocessing

    preprocessing = make_preprocessing(config)
    draw = partial(preview_images, dataset, config.augment, config.training.seed, preprocessing, num_images)
    return (yield from _heavy(_once(draw)))


def summarize(backbone: str, num_classes: int, image_size: int) -> Work[Summary]:
    """Return a network layer by layer."""
    from engine.ml.summary import summarize as summarize_layers

    return (yield from _heavy(_once(lambda: summarize_layers(backbone, num_classes, image_size))))
