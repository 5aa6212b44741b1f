"""Tests of the Results, Runs, Predict and Dataset pages with scripted results."""

from collections.abc import Generator
from pathlib import Path

import pytest
from pytestqt.qtbot import QtBot

from engine import jobs
from engine.audit.findings import Audit
from engine.config.settings import RunConfig
from engine.core.event_stream import run_to_end
from engine.core.events import Event, Progress
from engine.core.paths import default_runs_folder
from engine.data.dataset import Dataset, Sample, scan
from engine.results.confusion_matrix import ClassResult
from engine.results.evaluation import (
    Evaluation,
    ImageResult,
    Unreadable,
    read_evaluation,
    write_evaluation,
)
from engine.results.predictions import UNKNOWN, UNSURE, Prediction
from engine.runs.run_folder import Run, create_run
from gui.operations import Operations
from gui.pages.dataset_page import DatasetPage
from gui.pages.predict_page import PredictPage
from gui.pages.results_page import ResultsPage
from gui.pages.runs_page import RunsPage
from gui.panels.final_test_box import FinalTestBox
from gui.preferences import Preferences
from gui.state import AppState
from tests.pictures import write_classes


@pytest.fixture
def state(qtbot: QtBot) -> AppState:
    return AppState()


@pytest.fixture
def operations(state: AppState) -> Operations:
    return Operations(state, state)


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """A finished run on four images, one of which is misclassified."""
    root = write_classes(tmp_path / "data", {"ant": 2, "bee": 2})
    run = create_run(default_runs_folder() / "data 1", RunConfig(), scan(root))
    images = tuple(
        ImageResult(path=path, label=path[:3], predicted=predicted, confidence=0.9)
        for path, predicted in (
            ("ant/000.png", "ant"),
            ("ant/001.png", "bee"),
            ("bee/000.png", "bee"),
            ("bee/001.png", "bee"),
        )
    )
    rows = tuple(ClassResult(name=name, precision=1, recall=0.5, f1=0.67, num_images=2) for name in ("ant", "bee"))
    evaluation = Evaluation(
        root=str(root),
        classes=("ant", "bee"),
        loss=0.5,
        accuracy=0.75,
        top5=1,
        confusion=((1, 1), (0, 2)),
        per_class=rows,
        images=images,
    )
    write_evaluation(evaluation, run.results_path)
    return run


def test_results_show_misclassified_images_and_those_of_a_chosen_cell(
    qtbot: QtBot, state: AppState, operations: Operations, run: Run
) -> None:
    page = ResultsPage(state, operations)
    qtbot.addWidget(page)
    assert page.title.text() == "No results yet"
    state.set_run(run)
    assert "75" in page.title.text()
    assert [item.caption for item in page.grid.items] == ["ant → bee, 90\N{NO-BREAK SPACE}%"]
    page.confusion.cell_chosen.emit(1, 1)
    assert [item.caption for item in page.grid.items] == ["bee, 90\N{NO-BREAK SPACE}%"] * 2
    page.back_button.click()
    assert len(page.grid.items) == 1


def test_settings_of_a_run_can_be_reused(qtbot: QtBot, state: AppState, operations: Operations, run: Run) -> None:
    state.set_config(RunConfig().changed("training", epochs=99))
    page = RunsPage(state, operations)
    qtbot.addWidget(page)
    assert not page.open_button.isEnabled()
    page.table.selectRow(0)
    assert page.selected_runs() == [run]
    with qtbot.waitSignal(page.settings_reused):
        page.settings_button.click()
    assert state.config == run.config


def test_predictions_appear_one_by_one_and_include_unreadable_files(
    qtbot: QtBot, state: AppState, operations: Operations, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def predict(
        model: Path, paths: list[Path], num_top: int, max_error: float | None
    ) -> Generator[Event | Prediction, None, int]:
        yield Progress(stage="predict", done=0, total=2)
        yield Prediction("/x/a.png", (("bee", 0.75), ("ant", 0.25)))
        yield Prediction("/x/b.png", error="This file is empty.")
        return 2

    monkeypatch.setattr(jobs, "predict", predict)
    page = PredictPage(state, operations)
    qtbot.addWidget(page)
    state.set_model(tmp_path / "model.safetensors")
    page.classify([Path("/x")])
    qtbot.waitUntil(lambda: not operations.running_jobs and page.model.rowCount() == 2, timeout=20_000)
    assert page.prediction_view.title.text().startswith("bee, 75")
    page.table.selectRow(1)
    assert page.prediction_view.title.text() == "This file is empty."
    page.save_table(tmp_path / "predictions.csv")
    assert "This file is empty." in (tmp_path / "predictions.csv").read_text(encoding="utf-8-sig")


def test_the_dataset_page_shows_the_split_and_names_unreadable_files(
    qtbot: QtBot, state: AppState, operations: Operations
) -> None:
    page = DatasetPage(state, operations, Preferences())
    qtbot.addWidget(page)
    samples = (Sample("ant/1.png", 0), Sample("ant/2.png", 0), Sample("bee/1.png", 1), Sample("bee/2.png", 1, "val"))
    dataset = Dataset(Path("/photos"), ("ant", "bee"), samples)
    state.set_dataset(dataset, Audit(unreadable=(Unreadable(path="ant/2.png", reason="This file is empty."),)))
    assert "2 classes" in page.summary.text().replace("\N{NO-BREAK SPACE}", " ")
    assert "ant/2.png" in page.notes.text()
    assert len(page.grid.items) == 4
    page.classes.setCurrentRow(2)
    assert {item.caption for item in page.grid.items} == {"bee"}


def test_another_error_limit_updates_the_decisions_without_running_the_model(
    qtbot: QtBot, state: AppState, operations: Operations, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    confident, close, unknown = (
        Prediction("/x/a.png", (("bee", 0.99),), decision="bee"),
        Prediction("/x/b.png", (("bee", 0.6),), decision="bee"),
        Prediction("/x/c.png", (("bee", 0.97),), decision=UNKNOWN),
    )
    page = PredictPage(state, operations)
    qtbot.addWidget(page)
    page.model.add([confident, close, unknown])
    monkeypatch.setattr(page, "_describe_model", lambda: setattr(page, "_threshold", 0.9) or "A model.")
    state.set_max_error(0.01)
    assert [answer.decision for answer in page.model.predictions] == ["bee", UNSURE, UNKNOWN]
    page.table.selectRow(1)
    assert page.prediction_view.title.text().startswith("Unsure: bee")
    page.table.selectRow(2)
    assert page.prediction_view.title.text().startswith("Unknown: unlike the training images")
    assert "2 unsure" in page.model_label.text()


def test_the_shown_images_are_saved_as_csv(
    qtbot: QtBot, state: AppState, operations: Operations, run: Run, tmp_path: Path
) -> None:
    page = ResultsPage(state, operations)
    qtbot.addWidget(page)
    state.set_run(run)
    page.save_list(tmp_path / "wrong.csv")
    assert (tmp_path / "wrong.csv").read_text(encoding="utf-8-sig").splitlines() == [
        "path,label,predicted,confidence,wrong",
        "ant/001.png,ant,bee,0.900000,yes",
    ]


def test_two_selected_runs_are_compared_on_the_same_images(
    qtbot: QtBot, state: AppState, operations: Operations, run: Run
) -> None:
    other = create_run(default_runs_folder() / "data 2", RunConfig(), run.dataset)
    write_evaluation(read_evaluation(run.results_path), other.results_path)
    page = RunsPage(state, operations)
    qtbot.addWidget(page)
    page.table.selectAll()
    assert "not significant" in page.comparison.text()
    page.table.selectRow(0)
    assert not page.comparison.text()


def test_the_final_test_is_offered_until_it_has_been_run(
    qtbot: QtBot, state: AppState, operations: Operations, tmp_path: Path
) -> None:
    root = tmp_path / "data"
    for part in ("train", "val", "test"):
        write_classes(root / part, {"red": 4, "blue": 4})
    config = RunConfig().changed("data", image_size=16).changed("training", epochs=1, device="cpu")
    run = run_to_end(jobs.train(scan(root), config, tmp_path / "run"))
    page = ResultsPage(state, operations)
    qtbot.addWidget(page)
    box = page.findChild(FinalTestBox)
    state.set_run(run)
    assert "8\N{NO-BREAK SPACE}test images, not evaluated yet" in box.summary.text()
    box.button.click()
    qtbot.waitUntil(lambda: "Test accuracy" in box.summary.text(), timeout=30_000)
    assert box.button.isHidden()
    qtbot.waitUntil(lambda: not operations.running_jobs, timeout=20_000)
