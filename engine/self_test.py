"""Self-test: use every part of the engine once on generated images."""

import http.client
import logging
from collections.abc import Callable, Generator, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import numpy as np

from engine import jobs
from engine.config.backbones import INCLUDED_BACKBONE
from engine.config.settings import RunConfig
from engine.core.errors import EngineError
from engine.core.event_stream import run_to_end
from engine.core.events import Event, Serving
from engine.data.dataset import scan
from engine.data.sample_dataset import PAINTERS, draw_sample
from engine.results.export_verification import ExportOptions
from engine.results.predictions import Prediction
from engine.runs.run_folder import Run

logger = logging.getLogger(__name__)

_CLASSES = ("ring", "star")
_NUM_PER_CLASS = 12
_FORMATS = ("png", "jpg", "webp", "tiff", "avif", "bmp", "gif")
_CONFIG = (
    RunConfig()
    .changed("model", backbone=INCLUDED_BACKBONE, weights="default")
    .changed("data", image_size=32, val_fraction=0.34)
    .changed("training", epochs=1, batch_size=8, device="cpu", keep_awake=False)
)


class SelfTestError(Exception):
    """A part of the program does not work on this computer; the message names it."""


def try_engine(folder: Path) -> list[str]:
    """Use every part of the engine on generated images.

    Args:
        folder: An empty folder for images and results.

    Returns:
        The names of the tested parts.

    Raises:
        SelfTestError: A part failed; the cause is chained.
    """
    tested: list[str] = []
    with _part("draw and decode images", tested):
        data = _draw_images(folder / "images")
    with _part("train two steps from the included network", tested):
        run = run_to_end(jobs.split_and_train(scan(data), _CONFIG, folder / "run"))
    with _part("check the images", tested):
        run_to_end(jobs.check(run.dataset))
    with _part("load and predict", tested):
        _predict(run, data)
    with _part("build a network of torchvision", tested):
        run_to_end(jobs.summarize("squeezenet1_1", len(_CLASSES), 32))
    with _part("explain", tested):
        explanation = run_to_end(jobs.explain(run.model_path, next(data.rglob("*.png"))))
        run_to_end(jobs.draw_explanation(explanation, folder / "why.png"))
    with _part("write the report", tested):
        run_to_end(jobs.report(run, folder / "report.html"))
    with _part("export", tested):
        _export(run, folder)
    with _part("sort", tested):
        run_to_end(jobs.sort(run.model_path, data, folder / "sorted", "copy"))
        run_to_end(jobs.undo_sort(folder / "sorted"))
    with _part("serve", tested):
        _serve(run, next(data.rglob("*.jpg")))
    return tested


@contextmanager
def _part(name: str, tested: list[str]) -> Iterator[None]:
    try:
        yield
    except Exception as error:
        raise SelfTestError(f"{name}: {type(error).__name__}: {error}") from error
    tested.append(name)


def _draw_images(folder: Path) -> Path:
    for name in _CLASSES:
        (folder / name).mkdir(parents=True)
        for number in range(_NUM_PER_CLASS):
            suffix = _FORMATS[number % len(_FORMATS)]
            image = draw_sample(PAINTERS[name], np.random.default_rng([number, len(name)]))
            image.save(folder / name / f"{name}-{number}.{suffix}")
    return folder


def _predict(run: Run, data: Path) -> None:
    predictions: list[Prediction] = []
    run_to_end(jobs.predict(run.model_path, [data]), _collect(predictions))
    bad = [f"{prediction.path}: {prediction.error}" for prediction in predictions if prediction.error]
    if bad or len(predictions) != _NUM_PER_CLASS * len(_CLASSES):
        raise RuntimeError("; ".join(bad) or f"{len(predictions)} predictions")


def _collect(predictions: list[Prediction]) -> Callable[[Event | Prediction], None]:
    def collect(event: Event | Prediction) -> None:
        if isinstance(event, Prediction):
            predictions.append(event)

    return collect


def _export(run: Run, folder: Path) -> None:
    for options in (ExportOptions(format="onnx"), ExportOptions(format="pt2")):
        run_to_end(jobs.export(run.model_path, folder / f"model.{options.format}", options))
    try:
        run_to_end(jobs.export(run.model_path, folder / "int8.onnx", ExportOptions(int8=True)))
    except EngineError as error:
        if "8-bit integers" not in error.message:  # after two training steps, int8 may lose too much accuracy
            raise


def _serve(run: Run, image: Path) -> None:
    work: Generator[Event, None, None] = jobs.serve(run.model_path, 0)
    with closing(work):
        serving = next(work)
        if not isinstance(serving, Serving):
            raise TypeError(f"the first event is {serving}")
        host, port = serving.url.removeprefix("http://").split(":")
        with closing(http.client.HTTPConnection(host, int(port), timeout=60)) as connection:
            connection.request("POST", "/predict", image.read_bytes())
            status = connection.getresponse().status
        if status != http.client.OK:
            raise RuntimeError(f"the response has status {status}")
