"""The usual PyTorch script runs on the Python class, and each call gives what such a script expects."""

from pathlib import Path

import pytest
import torch
import torchvision

from engine.config.backbones import find_backbone
from engine.core.errors import EngineError
from engine.pipeline import ImageClassificationPipeline
from tests.images import write_classes


@pytest.fixture
def photos(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return write_classes(tmp_path / "data", {"red": 10, "blue": 10})


def small_pipeline(folder: Path) -> ImageClassificationPipeline:
    pipeline = ImageClassificationPipeline(2, "se_resnet", pretrained=False)
    pipeline.prepare_data(folder, batch_size=8, image_size=32)
    pipeline.configure_training(total_epochs=2)
    return pipeline


def cache_random_weights(name: str, torch_home: Path) -> None:
    """Write a file in place of the download of ImageNet weights."""
    weights_file = find_backbone(name).weights_file
    assert weights_file is not None
    folder = torch_home / "hub" / "checkpoints"
    folder.mkdir(parents=True)
    torch.save(torchvision.models.get_model(name).state_dict(), folder / weights_file)


def test_the_usual_script_runs_with_its_defaults(photos: Path, tmp_path: Path) -> None:
    cache_random_weights("mobilenet_v3_small", tmp_path / "torch")
    p = ImageClassificationPipeline(num_classes=2, model_name="mobilenet_v3_small", pretrained=True)
    train_loader, val_loader = p.prepare_data(data_dir="./data", batch_size=32, num_workers=4)
    p.configure_training(lr=0.001, weight_decay=1e-4, warmup_epochs=5, total_epochs=100)
    history = p.train(epochs=2, use_mixup=True, save_best=True)
    p.plot_history()
    label, confidence = p.predict("data/red/000.png")
    assert len(train_loader) == len(val_loader) == 1
    for name in ("train_loss", "train_acc", "val_loss", "val_acc"):
        assert len(history[name]) == 2
    assert all(0 <= value <= 1 for value in history["train_acc"] + history["val_acc"])
    assert p.run.figure_path.is_file()
    assert label in ("red", "blue")
    assert 0.5 <= confidence <= 1
    config = p.run.config
    assert (config.optim.lr, config.optim.weight_decay, config.schedule.warmup_epochs) == (0.001, 1e-4, 5)
    assert config.augment.mixup_alpha > 0
    assert config.model.weights == "default"


def test_loaders_give_normalised_images_and_labels_of_every_sample(photos: Path) -> None:
    data = small_pipeline(photos).dataset
    for loader, split in zip(data, ("train", "val")):  # type: ignore[call-overload]
        batches = list(loader)
        assert len(batches) == len(loader)
        images, labels = (torch.cat(parts) for parts in zip(*batches))
        assert images.shape == (len(data.of_split(split)), 3, 32, 32)
        assert images.dtype == torch.float32
        assert images.min() < 0
        assert sorted(labels.tolist()) == sorted(sample.label for sample in data.of_split(split))


def test_single_epochs_continue_one_run(photos: Path) -> None:
    p = small_pipeline(photos)
    p.train_epoch(use_mixup=True)
    run = p.run
    loss, accuracy = p.validate()
    assert loss > 0
    assert 0 <= accuracy <= 1
    last = p.train_epoch(use_mixup=True)
    assert p.run == run
    assert run.is_finished
    assert last == (run.history["train_loss"][-1], run.history["train_acc"][-1])
    with pytest.raises(EngineError, match="All epochs are trained"):
        p.train_epoch(use_mixup=True)


def test_a_list_gives_predictions_and_one_path_gives_label_and_confidence(photos: Path) -> None:
    p = small_pipeline(photos)
    p.train(epochs=1)
    path = photos / "red" / "000.png"
    (prediction,) = p.predict([path])
    assert p.predict(path) == p.predict(str(path)) == (prediction.label, prediction.confidence)
    with pytest.raises(EngineError, match="folder"):
        p.predict(photos)


def test_an_unknown_keyword_is_refused_with_the_allowed_names(photos: Path) -> None:
    p = ImageClassificationPipeline(2)
    with pytest.raises(EngineError, match=r"'learning_rate'; .*\blr\b"):
        p.configure_training(learning_rate=1)
    with pytest.raises(EngineError, match=r"'size'; .*image_size"):
        p.prepare_data(photos, size=1)
