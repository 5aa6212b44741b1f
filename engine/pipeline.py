"""A small Python face for people who come from scripts."""

from collections.abc import Callable, Sequence
from pathlib import Path

from engine import jobs
from engine.config.backbones import find_backbone
from engine.config.settings import RunConfig
from engine.core.errors import EngineError
from engine.core.event_stream import run_to_end
from engine.core.events import Event
from engine.data.dataset import Dataset
from engine.results.evaluation import Evaluation
from engine.results.predictions import Prediction
from engine.runs.history import History
from engine.runs.run_folder import Run, new_run_path


class ImageClassificationPipeline:
    """From a folder to a model in five calls: prepare_data, configure_training, train, validate, predict.

    Example:
        pipeline = ImageClassificationPipeline(2, "resnet18", pretrained=True)
        pipeline.prepare_data("photos")
        pipeline.configure_training(epochs=3)
        history = pipeline.train()
        answers = pipeline.predict(["new/1.jpg"])
    """

    def __init__(self, num_classes: int, model_name: str = "se_resnet", pretrained: bool = False) -> None:
        """Choose a network.

        Raises EngineError where there is no backbone of that name. With `pretrained`, ImageNet weights are downloaded
        when training starts, unless they are on this machine.
        """
        find_backbone(model_name)
        self._num_classes = num_classes
        weights = "default" if pretrained else "none"
        self.config = RunConfig().changed("model", backbone=model_name, weights=weights)
        self._dataset: Dataset | None = None
        self._run: Run | None = None

    def prepare_data(self, folder: str | Path, **settings: object) -> Dataset:
        """Read a folder and split it; `settings` are those of `DataConfig`, such as image_size or val_fraction.

        Raises EngineError where the folder holds another number of classes than the network was made for.
        """
        self.config = self.config.changed("data", **settings)
        dataset = run_to_end(jobs.scan(Path(folder)))
        if len(dataset.classes) != self._num_classes:
            raise EngineError(
                f"The folder holds {len(dataset.classes)} classes, not {self._num_classes}.", dataset.root
            )
        self._dataset = run_to_end(jobs.split(dataset, self.config.data))
        return self._dataset

    def configure_training(self, **sections_or_training: object) -> RunConfig:
        """Change settings: fields of `TrainingConfig` by name, other sections as a dict, such as optim={"lr": 1e-3}."""
        for name, value in sections_or_training.items():
            if isinstance(value, dict):
                self.config = self.config.changed(name, **value)
            else:
                self.config = self.config.changed("training", **{name: value})
        return self.config

    def train(self, run: str | Path | None = None, on_event: Callable[[Event], object] | None = None) -> History:
        """Train, handing each event to `on_event`, and return the history; raise EngineError where that cannot be."""
        if self._dataset is None:
            raise EngineError("Call prepare_data first.")
        path = Path(run) if run is not None else new_run_path(self._dataset.root)
        self._run = run_to_end(jobs.train(self._dataset, self.config, path), on_event)
        return self._run.history

    @property
    def run(self) -> Run:
        """The finished run; raises EngineError before training."""
        if self._run is None:
            raise EngineError("Call train first.")
        return self._run

    def validate(self, folder: str | Path | None = None) -> Evaluation:
        """Measure the best model on the validation images of the run, or on another folder."""
        return run_to_end(jobs.evaluate(self.run.model_path, Path(folder or self.run.dataset.root)))

    def predict(self, paths: Sequence[str | Path], top: int = 5) -> list[Prediction]:
        """Return an answer for each image file and each image inside a folder."""
        answers: list[Prediction] = []

        def collect(event: Event | Prediction) -> None:
            if isinstance(event, Prediction):
                answers.append(event)

        run_to_end(jobs.predict(self.run.model_path, [Path(path) for path in paths], top), collect)
        return answers

    def plot_history(self, path: str | Path) -> None:
        """Draw loss and accuracy over the epochs into a PNG file."""
        run_to_end(jobs.draw_history(self.run, Path(path)))
