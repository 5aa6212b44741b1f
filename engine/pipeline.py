"""A small Python interface for scripts."""

import weakref
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import overload

from engine import jobs
from engine.config.backbones import find_backbone
from engine.config.settings import DataConfig, RunConfig, ScheduleConfig, TrainingConfig
from engine.core.errors import EngineError
from engine.core.event_stream import run_to_end
from engine.core.events import EpochDone, Event
from engine.data.dataset import Dataset
from engine.jobs import EventStream
from engine.pipeline_data import PreparedDataset, ValidationResult
from engine.results.predictions import Prediction
from engine.runs.history import History
from engine.runs.run_folder import Run, new_run_path

MIXUP_ALPHA = 0.2
"""Parameter of MixUp for `use_mixup=True` (Zhang et al., mixup, 2018: 0.1 to 0.4 on ImageNet)."""
_FIELD_SECTIONS = {
    **dict.fromkeys(TrainingConfig.model_fields, "training"),
    **dict.fromkeys(("lr", "weight_decay", "momentum", "layer_decay", "clip_norm"), "optim"),
    **dict.fromkeys(ScheduleConfig.model_fields, "schedule"),
}
"""Section of each setting that `configure_training` takes by name."""


class ImageClassificationPipeline:
    """Trains an image classifier in five calls: prepare_data, configure_training, train, validate, predict.

    Accuracies and confidences are fractions (0..1), losses are in nats.

    Example:
        pipeline = ImageClassificationPipeline(2, "resnet18", pretrained=True)
        train_loader, val_loader = pipeline.prepare_data("photos", batch_size=32)
        pipeline.configure_training(lr=0.001, total_epochs=3)
        history = pipeline.train()
        label, confidence = pipeline.predict("new/1.jpg")
    """

    def __init__(self, num_classes: int, model_name: str | None = None, pretrained: bool | None = None) -> None:
        """Choose a backbone.

        Args:
            num_classes: Number of classes in the dataset.
            model_name: Name of the backbone; None: that of the presets.
            pretrained: True: start from ImageNet weights, which are downloaded when training starts if they are not
                cached. False: train from scratch. None: as the presets choose.

        Raises:
            EngineError: There is no backbone of that name.
        """
        self._num_classes = num_classes
        self.config = RunConfig()
        if model_name is not None:
            self.config = self.config.changed("model", backbone=find_backbone(model_name).name)
        if pretrained is not None:
            self.config = self.config.changed("model", weights="default" if pretrained else "none")
        self._dataset: PreparedDataset | None = None
        self._run: Run | None = None
        self._epochs: EventStream[Run] | None = None
        self._epochs_config: RunConfig | None = None

    def prepare_data(
        self,
        data_dir: str | Path,
        batch_size: int | None = None,
        num_workers: int | None = None,
        **settings: object,
    ) -> PreparedDataset:
        """Read a folder and split it into training and validation images.

        Args:
            data_dir: Folder with one folder of images per class.
            batch_size: Number of images per training step and per batch of the loaders; None: unchanged.
            num_workers: Ignored; threads decode the images on all cores.
            settings: Fields of `DataConfig`, such as image_size or val_fraction.

        Returns:
            The split dataset, which unpacks into a training and a validation loader.

        Raises:
            EngineError: A setting is unknown, or the number of classes in the folder is not `num_classes`.
        """
        for name in settings:
            _require_name(name, ["batch_size", "num_workers", *DataConfig.model_fields])
        config = self.config.changed("data", **settings)
        if batch_size is not None:
            config = config.changed("training", batch_size=batch_size)
        dataset = run_to_end(jobs.scan(Path(data_dir)))
        if len(dataset.classes) != self._num_classes:
            raise EngineError(f"The folder has {len(dataset.classes)} classes, not {self._num_classes}.", dataset.root)
        weights = "none" if config.model.weights == "auto" else config.model.weights
        dataset = run_to_end(jobs.split(dataset, config.data, weights))
        self._close()
        self.config, self._dataset = config, PreparedDataset.of(dataset, config)
        return self._dataset

    @property
    def dataset(self) -> Dataset:
        """The split dataset; raises EngineError if `prepare_data` was not called."""
        if self._dataset is None:
            raise EngineError("Call prepare_data first.")
        return self._dataset

    def configure_training(self, **settings: object) -> RunConfig:
        """Change settings of the next training and return all of them.

        Args:
            settings: Fields of `TrainingConfig` by name, lr, weight_decay, momentum, layer_decay, clip_norm,
                warmup_epochs and total_epochs (the same as epochs); other sections as a dict, such as
                augment={"rotation": 10}.

        Raises:
            EngineError: A setting is unknown.
        """
        config = self.config
        for name, value in settings.items():
            if name in RunConfig.model_fields and isinstance(value, dict):
                config = config.changed(name, **value)
                continue
            field = "epochs" if name == "total_epochs" else name
            _require_name(field, [*_FIELD_SECTIONS, "total_epochs", *RunConfig.model_fields])
            if field not in _FIELD_SECTIONS:
                raise EngineError(f"Give the settings of {name} as a dict.")
            config = config.changed(_FIELD_SECTIONS[field], **{field: value})
        self.config = config
        return config

    def train(
        self,
        run: str | Path | None = None,
        on_event: Callable[[Event], object] | None = None,
        *,
        epochs: int | None = None,
        use_mixup: bool | None = None,
        save_best: bool = True,
    ) -> History:
        """Train a model and return its history, with curves such as history["val_acc"].

        Args:
            run: The run folder to create; None: a new one in the default folder of runs.
            on_event: Called with each event.
            epochs: Number of epochs; None: that of the settings.
            use_mixup: True or False: train with or without mixed images; None: as in the settings.
            save_best: Ignored; the run folder always keeps the model of the best epoch.

        Raises:
            EngineError: `prepare_data` was not called, or the training failed.
        """
        dataset = self.dataset
        config = _with_mixup(self.config, use_mixup)
        if epochs is not None:
            config = config.changed("training", epochs=epochs, budget="")
        self._close()
        path = Path(run) if run is not None else new_run_path(dataset.root)
        self._run = run_to_end(jobs.train(dataset, config, path), on_event)
        return self._run.history

    def train_epoch(self, use_mixup: bool | None = None) -> tuple[float, float]:
        """Train one more epoch of a run of `total_epochs` and return training loss and accuracy.

        The first call starts the run in a new folder; `train` and `prepare_data` stop it, as does the end of the
        program, and it can be resumed.

        Raises:
            EngineError: `prepare_data` was not called, all epochs are trained, or the settings changed meanwhile.
        """
        config = _with_mixup(self.config, use_mixup)
        config = config.changed("training", epochs=config.training.epochs, budget="")
        if self._epochs is None:
            path = new_run_path(self.dataset.root)
            self._epochs, self._epochs_config = jobs.train(self.dataset, config, path), config
            weakref.finalize(self, self._epochs.close)
            self._run = Run(path)
        elif config != self._epochs_config:
            raise EngineError("Settings cannot change between the epochs of one run. Call train for a new run.")
        try:
            for event in self._epochs:
                if isinstance(event, EpochDone):
                    if event.epoch == event.epochs:
                        run_to_end(self._epochs)
                    return event.train.loss, event.train.accuracy
        except BaseException:
            self._close()  # a run that failed has no further epochs
            raise
        raise EngineError("All epochs are trained. Set total_epochs to more, and call prepare_data to start again.")

    def _close(self) -> None:
        """Stop the run of `train_epoch`, if there is one."""
        if self._epochs is not None:
            self._epochs.close()
        self._epochs = None

    @property
    def run(self) -> Run:
        """The last run; raises EngineError if neither `train` nor `train_epoch` was called."""
        if self._run is None:
            raise EngineError("Call train first.")
        return self._run

    def validate(self, folder: str | Path | None = None) -> ValidationResult:
        """Evaluate the best model so far on the validation images of the run or of another folder.

        The result unpacks into loss and accuracy.
        """
        evaluation = run_to_end(jobs.evaluate(self.run.model_path, Path(folder or self.run.dataset.root)))
        return ValidationResult.model_validate(evaluation.model_dump())

    @overload
    def predict(  # type: ignore[overload-overlap]  # a str is a sequence of str
        self, paths: str | Path, top: int = 5
    ) -> tuple[str, float]: ...

    @overload
    def predict(self, paths: Sequence[str | Path], top: int = 5) -> list[Prediction]: ...

    def predict(self, paths: str | Path | Sequence[str | Path], top: int = 5) -> tuple[str, float] | list[Prediction]:
        """Classify one image, or each image file and each image in a folder of a list.

        Returns:
            For a single path, label and confidence; for a list, predictions with the `top` most likely classes.

        Raises:
            EngineError: The single path is a folder or cannot be read.
        """
        if not isinstance(paths, str | Path):
            return self._predict([Path(path) for path in paths], top)
        path = Path(paths)
        if path.is_dir():
            raise EngineError("This is a folder. Pass it in a list to classify all its images.", path)
        (prediction,) = self._predict([path], top)
        if prediction.label is None or prediction.confidence is None:
            raise EngineError(prediction.error or "The image could not be read.", path)
        return prediction.label, prediction.confidence

    def _predict(self, paths: list[Path], top: int) -> list[Prediction]:
        predictions: list[Prediction] = []

        def collect(event: Event | Prediction) -> None:
            if isinstance(event, Prediction):
                predictions.append(event)

        run_to_end(jobs.predict(self.run.model_path, paths, top), collect)
        return predictions

    def plot_history(self, path: str | Path | None = None) -> Path:
        """Plot loss and accuracy over the epochs into a PNG file, by default in the run folder; return its path."""
        target = self.run.figure_path if path is None else Path(path)
        run_to_end(jobs.draw_history(self.run, target))
        return target


def _with_mixup(config: RunConfig, use_mixup: bool | None) -> RunConfig:
    if use_mixup is None:
        return config
    if not use_mixup:
        return config.changed("augment", mixup_alpha=0.0, cutmix_alpha=0.0)
    return config.changed("augment", mixup_alpha=config.augment.mixup_alpha or MIXUP_ALPHA)


def _require_name(name: str, allowed: Sequence[str]) -> None:
    if name not in allowed:
        raise EngineError(f"There is no setting '{name}'; the settings are {', '.join(allowed)}.")
