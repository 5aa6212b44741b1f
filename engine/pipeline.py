"""A small Python interface for scripts."""

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
    """Trains an image classifier in five calls: prepare_data, configure_training, train, validate, predict.

    Example:
        pipeline = ImageClassificationPipeline(2, "resnet18", pretrained=True)
        pipeline.prepare_data("photos")
        pipeline.configure_training(epochs=3)
        history = pipeline.train()
        predictions = pipeline.predict(["new/1.jpg"])
    """

    def __init__(self, num_classes: int, model_name: str = "se_resnet", pretrained: bool = False) -> None:
        """Choose a backbone.

        Args:
            num_classes: Number of classes in the dataset.
            model_name: Name of the backbone.
            pretrained: Start from ImageNet weights, which are downloaded when training starts if they are not cached.

        Raises:
            EngineError: There is no backbone of that name.
        """
        find_backbone(model_name)
        self._num_classes = num_classes
        weights = "default" if pretrained else "none"
        self.config = RunConfig().changed("model", backbone=model_name, weights=weights)
        self._dataset: Dataset | None = None
        self._run: Run | None = None

    def prepare_data(self, folder: str | Path, **settings: object) -> Dataset:
        """Read a folder and split it into training and validation images.

        Args:
            folder: Folder with one folder of images per class.
            settings: Fields of `DataConfig`, such as image_size or val_fraction.

        Returns:
            The split dataset.

        Raises:
            EngineError: The number of classes in the folder is not `num_classes`.
        """
        self.config = self.config.changed("data", **settings)
        dataset = run_to_end(jobs.scan(Path(folder)))
        if len(dataset.classes) != self._num_classes:
            raise EngineError(f"The folder has {len(dataset.classes)} classes, not {self._num_classes}.", dataset.root)
        self._dataset = run_to_end(jobs.split(dataset, self.config.data, self.config.model.weights))
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
        """Train a model and return the training history.

        Args:
            run: The run folder to create; None: a new one in the default folder of runs.
            on_event: Called with each event.

        Raises:
            EngineError: `prepare_data` was not called, or the training failed.
        """
        if self._dataset is None:
            raise EngineError("Call prepare_data first.")
        path = Path(run) if run is not None else new_run_path(self._dataset.root)
        self._run = run_to_end(jobs.train(self._dataset, self.config, path), on_event)
        return self._run.history

    @property
    def run(self) -> Run:
        """The finished run; raises EngineError if `train` was not called."""
        if self._run is None:
            raise EngineError("Call train first.")
        return self._run

    def validate(self, folder: str | Path | None = None) -> Evaluation:
        """Evaluate the best model on the validation images of the run or of another folder."""
        return run_to_end(jobs.evaluate(self.run.model_path, Path(folder or self.run.dataset.root)))

    def predict(self, paths: Sequence[str | Path], top: int = 5) -> list[Prediction]:
        """Return a prediction, with the `top` most likely classes, for each image file and each image in a folder."""
        predictions: list[Prediction] = []

        def collect(event: Event | Prediction) -> None:
            if isinstance(event, Prediction):
                predictions.append(event)

        run_to_end(jobs.predict(self.run.model_path, [Path(path) for path in paths], top), collect)
        return predictions

    def plot_history(self, path: str | Path) -> None:
        """Plot loss and accuracy over the epochs into a PNG file."""
        run_to_end(jobs.draw_history(self.run, Path(path)))
