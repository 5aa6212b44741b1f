"""Tests of the Export page, with the real engine for one export and scripted results elsewhere."""

import http.client
import socket
from collections.abc import Callable, Generator
from pathlib import Path

import pytest
from PySide6.QtGui import QGuiApplication
from pytestqt.qtbot import QtBot

from engine import jobs
from engine.core.errors import EngineError
from engine.core.event_stream import run_to_end
from engine.data.dataset import scan
from engine.data.splits import split
from engine.results.export_verification import ExportOptions, ExportVerification, read_verification, write_verification
from engine.runs.run_folder import Run
from gui.main_window import EXPORT, TRAIN, MainWindow
from gui.preferences import Preferences
from tests.images import write_classes
from tests.scratch_config import scratch_config

CONFIG = (
    scratch_config()
    .changed("data", image_size=16)
    .changed("training", epochs=2, batch_size=8, device="cpu")
    .changed("optim", lr=5e-3)
)


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    folder = tmp_path_factory.mktemp("export")
    root = write_classes(folder / "data", {"red": 12, "blue": 12})
    return run_to_end(jobs.train(split(scan(root), 0.25, 0), CONFIG, folder / "run"))


@pytest.fixture
def window(qtbot: QtBot, run: Run) -> MainWindow:
    window = MainWindow(Preferences())
    qtbot.addWidget(window)
    window.show()
    window.operations.runs.open(run)
    window.show_page(EXPORT)
    qtbot.waitUntil(lambda: not window.operations.running_jobs)
    return window


def _make_verification(path: Path, **changes: object) -> ExportVerification:
    verification = ExportVerification(
        file=path.name, sha256="0", num_bytes=3_400_000, format="onnx", int8=False, runtime="onnxruntime 1",
        images="validation", num_images=6, num_equal=6, max_difference=2e-7,
        script_num_images=6, script_num_equal=6, accuracy=0.5, model_accuracy=0.5,
        passed=True, created="now",
    )  # fmt: skip
    return verification.model_copy(update=changes)


def _script_export(monkeypatch: pytest.MonkeyPatch, outcome: ExportVerification | EngineError) -> list[ExportOptions]:
    requests: list[ExportOptions] = []

    def export(
        _model: Path, path: Path, options: ExportOptions, _data: Path | None = None
    ) -> Generator[object, None, ExportVerification]:
        requests.append(options)
        yield from ()
        if isinstance(outcome, EngineError):
            raise outcome
        return outcome

    monkeypatch.setattr(jobs, "export", export)
    return requests


def test_without_a_model_the_page_links_to_training(qtbot: QtBot) -> None:
    window = MainWindow(Preferences())
    qtbot.addWidget(window)
    window.show()
    window.show_page(EXPORT)
    page = window.export_page
    assert page.empty_view.isVisible()
    assert not page.export.isVisible()
    page.train_requested.emit()
    assert window.stack.currentIndex() == TRAIN


def test_a_real_export_shows_its_verification(qtbot: QtBot, window: MainWindow, tmp_path: Path) -> None:
    panel = window.export_page.export
    assert not panel.verdict.isVisible()
    job = panel.export_to(tmp_path / "model.onnx")
    assert not panel.export_button.isEnabled()
    qtbot.waitUntil(lambda: panel.verdict.isVisible(), timeout=120_000)
    qtbot.waitUntil(lambda: not job.is_running() and panel.export_button.isEnabled())
    verification = read_verification(tmp_path / "model.onnx")
    assert panel.verdict.text() == "Verified: 6 of 6 predictions match"
    assert verification.sentence() in panel.details.text()
    panel.copy_button.click()
    assert ExportVerification.model_validate_json(QGuiApplication.clipboard().text()) == verification


@pytest.mark.parametrize(
    ("key", "expected"),
    [
        ("onnx", ExportOptions(format="onnx")),
        ("int8", ExportOptions(format="onnx", int8=True)),
        ("pt2", ExportOptions(format="pt2")),
    ],
)
def test_the_chosen_options_are_exported(
    qtbot: QtBot, window: MainWindow, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, key: str, expected: ExportOptions
) -> None:
    requests = _script_export(monkeypatch, _make_verification(tmp_path / "a.onnx"))
    panel = window.export_page.export
    next(button for button in panel.formats.buttons() if button.objectName() == key).click()
    panel.normalises.setChecked(False)
    panel.export_to(tmp_path / "a.onnx")
    qtbot.waitUntil(lambda: panel.verdict.isVisible())
    assert requests == [expected.model_copy(update={"normalises": False})]


def test_a_failed_verification_is_shown_with_the_reason(
    qtbot: QtBot, window: MainWindow, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a.disagrees.onnx"
    write_verification(_make_verification(path, passed=False, num_equal=2), tmp_path)
    _script_export(monkeypatch, EngineError("The predictions differ. Do not use this file.", path))
    panel = window.export_page.export
    panel.export_to(tmp_path / "a.onnx")
    qtbot.waitUntil(lambda: panel.verdict.isVisible())
    assert panel.verdict.text() == "Not verified: 2 of 6 predictions match"
    assert "a.disagrees.onnx" in panel.details.text()
    assert "Do not use this file" in window.error_bar.label.text()


def test_another_model_hides_the_verification(window: MainWindow, tmp_path: Path) -> None:
    panel = window.export_page.export
    panel.show_verification(_make_verification(tmp_path / "a.onnx"), tmp_path / "a.onnx")
    window.state.set_model(None)
    assert not panel.verdict.isVisibleTo(panel)


@pytest.mark.parametrize("way", ["copy", "move", "link"])
def test_a_folder_is_sorted_and_restored(qtbot: QtBot, window: MainWindow, tmp_path: Path, way: str) -> None:
    photos = write_classes(tmp_path / "photos", {"red": 3, "blue": 3}, seed=4)
    before = {path: path.read_bytes() for path in photos.rglob("*.*")}
    panel = window.export_page.sort
    next(button for button in panel.modes.buttons() if button.objectName() == way).click()
    panel.sort(photos)
    qtbot.waitUntil(lambda: panel.undo_button.isVisible() and panel.undo_button.isEnabled(), timeout=60_000)
    assert panel.result.text().startswith("6")
    assert len([path for path in (tmp_path / "photos sorted").rglob("*.*") if path.suffix != ".jsonl"]) == 6
    assert all(path.exists() for path in before) == (way != "move")
    panel.undo_button.click()
    qtbot.waitUntil(lambda: not panel.undo_button.isVisible())
    assert {path: path.read_bytes() for path in photos.rglob("*.*")} == before
    assert not (tmp_path / "photos sorted").exists()


def test_sorting_a_folder_without_images_shows_an_error(qtbot: QtBot, window: MainWindow, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    window.export_page.sort.sort(tmp_path / "empty")
    qtbot.waitUntil(window.error_bar.isVisible)
    assert "no images" in window.error_bar.label.text()
    assert not window.export_page.sort.undo_button.isVisible()


@pytest.mark.allow_hosts(["127.0.0.1"])
def test_the_server_runs_until_it_is_stopped(qtbot: QtBot, window: MainWindow, unused_port: Callable[[], int]) -> None:
    panel = window.export_page.serve
    panel.port.setValue(unused_port())
    panel.start_button.click()
    qtbot.waitUntil(panel.open_button.isVisible, timeout=30_000)
    assert panel.open_button.text() == f"http://127.0.0.1:{panel.port.value()}"
    assert panel.start_button.text() == "Stop"
    connection = http.client.HTTPConnection("127.0.0.1", panel.port.value(), timeout=30)
    connection.request("GET", "/health")
    assert connection.getresponse().status == 200
    connection.close()
    panel.copy_button.click()
    assert QGuiApplication.clipboard().text().startswith("curl --data-binary")
    panel.start_button.click()
    qtbot.waitUntil(lambda: panel.start_button.text() == "Start", timeout=30_000)
    assert not panel.open_button.isVisible()


@pytest.mark.allow_hosts(["127.0.0.1"])
def test_the_window_closes_while_the_server_runs(
    qtbot: QtBot, window: MainWindow, unused_port: Callable[[], int]
) -> None:
    panel = window.export_page.serve
    panel.port.setValue(unused_port())
    panel.start_button.click()
    qtbot.waitUntil(panel.open_button.isVisible, timeout=30_000)
    window.close()
    qtbot.waitUntil(lambda: not window.isVisible(), timeout=30_000)


@pytest.fixture
def unused_port() -> Callable[[], int]:
    def find() -> int:
        with socket.create_server(("127.0.0.1", 0)) as listener:
            return int(listener.getsockname()[1])

    return find
