"""Tests of the Train page with scripted events."""

from collections.abc import Generator
from pathlib import Path

import pytest
from PySide6.QtCore import QEvent, Qt
from PySide6.QtGui import QFocusEvent
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from engine.audit.findings import Audit
from engine.config.backbones import INCLUDED_BACKBONE
from engine.config.presets import SCRATCH_LR, DatasetFacts, demo_config
from engine.core.errors import EngineError
from engine.core.events import (
    Best,
    ClassRecall,
    EpochDone,
    Event,
    Progress,
    RunDone,
    RunStarted,
    TrainScores,
    ValScores,
    Warned,
)
from engine.data.dataset import Dataset, Sample
from gui.job import Job
from gui.models.dataset_summary import prepare_dataset
from gui.operations import Operations
from gui.pages.train_page import TrainPage
from gui.state import AppState
from gui.widgets.inputs.editors import TextBox

DATASET = Dataset(Path("/data"), ("ant", "bee"), (Sample("a", 0), Sample("b", 1), Sample("c", 0, "val")), has_val=True)


def _scripted_events() -> list[Event]:
    scores = TrainScores(loss=1, accuracy=0.5, plain_accuracy=0.5)
    return [
        RunStarted(
            run="/none", classes=("ant", "bee"), num_train=2, num_val=1, device="cpu", precision="float32",
            parameters=9, trainable=9, epochs=1,
        ),
        Progress(stage="train", done=1, total=2, epoch=1, loss=1.5),
        Warned(message="Left out: This file is empty.", path="b.jpg"),
        EpochDone(
            epoch=1, epochs=1, train=scores, val=ValScores(loss=1, accuracy=0.75), lr=0.1, seconds=1, best=True,
        ),
        RunDone(model="m", best=Best(epoch=1, accuracy=0.75, loss=1), seconds=1, stopped=False),
    ]  # fmt: skip


def _replay(events: list[Event]) -> Generator[Event, None, None]:
    yield from events


@pytest.fixture
def page(qtbot: QtBot) -> TrainPage:
    state = AppState()
    page = TrainPage(state, Operations(state, state))
    state.setParent(page)
    qtbot.addWidget(page)
    return page


def _play(page: TrainPage, qtbot: QtBot, work: Generator[Event, None, None]) -> None:
    state = page._state
    state.set_dataset(prepare_dataset(DATASET, Audit()))
    job = Job(work, page)
    state.set_training(job)
    with qtbot.waitSignal(job.finished, timeout=20_000):
        job.start()
    state.set_training(None)


def test_a_finished_run_shows_its_accuracy_and_offers_the_next_pages(page: TrainPage, qtbot: QtBot) -> None:
    _play(page, qtbot, _replay(_scripted_events()))
    assert "75" in page.title.text()
    assert "b.jpg" in page.warnings.text()
    assert not page.results_button.isHidden()
    assert not page.predict_button.isHidden()


def test_the_page_names_a_class_at_zero_and_classes_that_are_not_measured(page: TrainPage, qtbot: QtBot) -> None:
    started, *_, done = _scripted_events()
    assert isinstance(started, RunStarted)
    scratch = ClassRecall(name="scratch", num_correct=0, num_images=1)
    val = ValScores(loss=1, accuracy=0.995, balanced_accuracy=0.5, balanced_loss=1, weakest=(scratch,), num_weak=1)
    scores = TrainScores(loss=1, accuracy=0.5, plain_accuracy=0.5)
    imbalanced = started.model_copy(
        update={"num_val": 201, "criterion": "balanced_loss", "unmeasured": ("stain",), "num_unmeasured": 1}
    )
    epoch = EpochDone(epoch=1, epochs=1, train=scores, val=val, lr=0.1, seconds=1, best=True)
    _play(page, qtbot, _replay([imbalanced, epoch, done]))
    assert page.title.text().startswith("Balanced accuracy 50\N{NO-BREAK SPACE}%, validation accuracy 99.5")
    assert "'scratch': 0 of 1 validation images are found." in page.caveats.text()
    assert "not measured, because it has no validation images: 'stain'" in page.caveats.text()


def test_few_images_are_warned_of_before_a_training_and_part_of_the_title_after_it(
    page: TrainPage, qtbot: QtBot
) -> None:
    page._state.set_dataset(prepare_dataset(DATASET, Audit()))
    assert "2 classes have fewer than 10 training images" in page.caveats.text()
    assert "'bee'" in page.caveats.text()
    assert not page.caveats.isHidden()
    _play(page, qtbot, _replay(_scripted_events()))
    assert "only 1\N{NO-BREAK SPACE}image" in page.title.text()
    assert "too few to judge the model" in page.caveats.text()


def test_during_training_the_button_stops_and_settings_are_disabled(page: TrainPage) -> None:
    page._state.set_dataset(prepare_dataset(DATASET, Audit()))
    assert page.train_button.text() == "Train"
    page._state.set_training(Job(_replay([]), page))
    assert page.train_button.text() == "Stop and keep best"
    assert not page.adjust.isEnabled()


def test_the_button_shows_the_size_of_a_download(page: TrainPage) -> None:
    page._state.set_dataset(prepare_dataset(DATASET, Audit()))
    page._state.set_config(page._state.config.changed("model", backbone="mobilenet_v2", weights="default"))
    assert page.train_button.text().startswith("Download 14")


def test_training_cannot_start_without_a_dataset(page: TrainPage) -> None:
    assert not page.train_button.isEnabled()
    assert not page.dataset_button.isHidden()


def test_a_failed_job_emits_its_error(qtbot: QtBot) -> None:
    def fail() -> Generator[Event, None, None]:
        yield Progress(stage="train", done=1, total=2)
        raise EngineError("The disk is full.")

    job = Job(fail())
    with qtbot.waitSignal(job.failed, timeout=20_000) as caught:
        job.start()
    assert job.wait()
    assert caught.args == [caught.args[0]]
    assert caught.args[0].message == "The disk is full."


def test_a_time_budget_can_be_typed_and_an_invalid_one_is_reset(page: TrainPage, qtbot: QtBot) -> None:
    box = page.form.editor("training", "budget")
    assert isinstance(box, TextBox)
    box.clear()
    qtbot.keyClicks(box, "5m")
    qtbot.keyClick(box, Qt.Key.Key_Return)
    assert page._state.config.training.budget_seconds == 300
    assert "for about 5" in page.note.text()
    box.clear()
    qtbot.keyClicks(box, "5")
    QApplication.sendEvent(box, QFocusEvent(QEvent.Type.FocusOut))
    assert box.text() == "5m"
    assert page._state.config.training.budget == "5m"


def test_during_training_the_page_shows_device_and_precision(page: TrainPage, qtbot: QtBot) -> None:
    shown = []
    events = [_scripted_events()[0].model_copy(update={"precision_reason": "twice as fast"}), *_scripted_events()[1:]]
    page._state.set_dataset(prepare_dataset(DATASET, Audit()))
    job = Job(_replay(events), page)
    page._state.set_training(job)
    job.events_received.connect(lambda _: shown.append(page.note.text()))
    with qtbot.waitSignal(job.finished, timeout=20_000):
        job.start()
    assert any("CPU, float32" in text for text in shown)


def test_the_page_says_what_a_training_will_do_and_which_settings_the_next_one_has(
    page: TrainPage, qtbot: QtBot
) -> None:
    page._state.set_dataset(prepare_dataset(DATASET, Audit()))
    assert page.note.text().startswith("Trains the included EfficientNet-Lite0 on 3")
    _play(page, qtbot, _replay(_scripted_events()))
    assert page.note.text().startswith("Next training: trains the included EfficientNet-Lite0 on 3")
    page.network_box.scratch.click()
    assert page.note.text().startswith("Next training: trains SE-ResNet from scratch on 3")


def test_a_choice_of_the_network_brings_its_own_settings_except_those_of_the_user(page: TrainPage) -> None:
    state = page._state
    state.change_config("training", batch_size=8)
    page.network_box.scratch.click()
    scratch = state.config
    assert (scratch.model.backbone, scratch.model.weights) == ("se_resnet", "none")
    assert scratch.training.budget_seconds is None
    assert scratch.optim.lr == SCRATCH_LR
    page.network_box.included.click()
    included = state.config
    assert (included.model.backbone, included.model.weights) == (INCLUDED_BACKBONE, "default")
    assert included.training.budget_seconds is not None
    assert included.optim.lr < SCRATCH_LR
    assert scratch.training.batch_size == included.training.batch_size == 8


def test_the_network_can_be_changed_on_the_sample_dataset_too(page: TrainPage) -> None:
    page._state.start_config(demo_config(), DatasetFacts(num_images=360, image_side=64))
    assert page.network_box.scratch.isChecked()
    assert page.form.changed_fields() == []
    page.network_box.included.click()
    config = page._state.config
    assert config.model.backbone == INCLUDED_BACKBONE
    assert config.training.budget_seconds is not None
    assert config.data.image_size is None
    assert config.augment.vertical_flip == demo_config().augment.vertical_flip


def test_a_changed_setting_is_marked_and_reset(page: TrainPage) -> None:
    presets = page._state.config
    page._state.change_config("training", epochs=5)
    page._state.change_config("augment", rotation=20)
    assert page.form.changed_fields() == [("training", "epochs"), ("augment", "rotation")]
    page.form.row("augment", "rotation").reset_button.click()
    assert page._state.config.augment.rotation == 0
    assert page.form.changed_fields() == [("training", "epochs")]
    page.form.reset_button.click()
    assert page._state.config == presets
    assert not page.form.reset_button.isEnabled()


def test_the_choice_of_the_network_is_hidden_during_a_training(page: TrainPage) -> None:
    assert not page.network_box.isHidden()
    page._state.set_training(Job(_replay([]), page))
    assert page.network_box.isHidden()


@pytest.mark.parametrize(("named", "backbone"), [("resnet18", "resnet18"), ("auto", INCLUDED_BACKBONE)])
def test_a_model_file_as_start_weights_chooses_the_backbone_that_it_names(
    page: TrainPage, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch, named: str, backbone: str
) -> None:
    read: list[Path] = []

    def read_backbone(path: Path) -> str:
        read.append(path)
        return named

    monkeypatch.setattr("engine.jobs.read_backbone", read_backbone)
    page.network_box.network_chosen.emit(INCLUDED_BACKBONE, "own.safetensors")
    qtbot.waitUntil(lambda: bool(read) and not page._reading_backbone.is_awaited)
    assert read == [Path("own.safetensors")]
    assert page._state.config.model.backbone == backbone
    assert page._state.config.model.weights == "own.safetensors"
    assert page.network_box.file.isChecked()
