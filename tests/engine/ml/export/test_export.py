"""Tests of exported files, with tiny networks and the real runtimes in separate processes."""

import json
import os
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from hashlib import sha256
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
import torch

from engine import jobs
from engine.core import process as child
from engine.core.errors import EngineError
from engine.ml.export import export
from engine.results.export_verification import ExportOptions, read_verification
from engine.runs.run_folder import Run
from tests.engine.ml.export.exporting import CONFIG, ONNX, PT2, export_to


@pytest.mark.parametrize("format", ["onnx", "pt2"])
def test_an_exported_file_and_the_program_predict_the_same(run: Run, exported: Path, format: str) -> None:
    record = read_verification(exported / f"a.{format}")
    assert record.num_images == record.num_equal == len(run.dataset.of_split("val"))
    assert record.script_num_equal == (record.num_images if format == "onnx" else None)
    assert record.max_difference < 1e-4
    assert record.accuracy == record.model_accuracy == run.history.best.accuracy  # type: ignore[union-attr]
    assert record.passed
    assert record.sha256 == sha256((exported / f"a.{format}").read_bytes()).hexdigest()


def test_an_export_writes_only_the_file_its_record_and_the_script(exported: Path) -> None:
    names = {f"a.{format}{end}" for format in ("onnx", "pt2") for end in ("", ".certificate.json")}
    assert {item.name for item in exported.iterdir()} == names | {"predict.py"}


@pytest.mark.slow
def test_a_file_without_normalisation_takes_normalised_floats(run: Run, tmp_path: Path) -> None:
    record = export_to(run, tmp_path / "a.onnx", ExportOptions(normalises=False))
    assert record.script_num_equal == record.num_equal == record.num_images
    (images,) = onnxruntime.InferenceSession(tmp_path / "a.onnx", providers=["CPUExecutionProvider"]).get_inputs()
    assert images.type == "tensor(float)"


def test_the_metadata_in_the_file_is_complete(exported: Path) -> None:
    (entry,) = onnx.load(exported / "a.onnx").metadata_props
    extra = {"classifold.json": ""}
    torch.export.load(exported / "a.pt2", extra_files=extra)
    assert entry.key == "classifold"
    metadata = json.loads(entry.value)
    assert metadata == json.loads(extra["classifold.json"])
    assert metadata["classes"] == ["blue's \"\n1", "green", "red"]
    assert (metadata["image_size"], metadata["geometry"], metadata["normalises"]) == (24, "crop", True)
    assert metadata["temperature"] == metadata["calibration"]["temperature"]
    assert metadata["threshold"] == 0.0  # 24 images cannot guarantee an error rate of 5 %, so every image is decided
    assert metadata["ood_threshold"] == metadata["calibration"]["ood_threshold"] is not None


def test_a_file_accepts_batches_of_any_size(exported: Path) -> None:
    session = onnxruntime.InferenceSession(exported / "a.onnx", providers=["CPUExecutionProvider"])
    (images,) = session.get_inputs()
    assert (images.name, images.type, images.shape[1:]) == ("images", "tensor(uint8)", [3, 24, 24])
    for num in (1, 5):
        probabilities, similarity = session.run(None, {"images": np.zeros((num, 3, 24, 24), np.uint8)})
        assert probabilities.shape == (num, 3)
        assert similarity.shape == (num,)


@pytest.mark.parametrize(
    ("name", "options", "sentence"),
    [
        ("a.txt", ONNX, "end in .onnx"),
        ("missing/a.onnx", ONNX, "folder to write to does not exist"),
        ("a.pt2", ExportOptions(format="pt2", int8=True), "ONNX files only"),
    ],
)
def test_invalid_arguments_are_an_error_before_the_export_starts(
    run: Run, tmp_path: Path, name: str, options: ExportOptions, sentence: str
) -> None:
    with pytest.raises(EngineError, match=sentence):
        export_to(run, tmp_path / name, options)


def test_a_file_that_does_not_run_is_an_error_and_is_removed(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:

    def write_nonsense(_model, _options, path):  # type: ignore[no-untyped-def]
        path.write_bytes(b"no network")
        yield from ()

    monkeypatch.setattr(export, "write_in_subprocess", write_nonsense)
    with pytest.raises(EngineError, match="does not run"):
        export_to(run, tmp_path / "a.onnx", ONNX)
    assert {item.name for item in tmp_path.iterdir()} <= {"home"}


@pytest.mark.parametrize("stage", ["export", pytest.param("verify", marks=pytest.mark.slow)])
def test_stopping_ends_the_other_process_and_removes_all_files(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, stage: str
) -> None:
    started: list[subprocess.Popen[bytes]] = []
    real = child.start_program

    def start(*arguments: str, errors):  # type: ignore[no-untyped-def]
        started.append(real(*arguments, errors=errors))
        return started[-1]

    monkeypatch.setattr(child, "start_program", start)
    work = jobs.export(run.model_path, tmp_path / "a.onnx", ONNX)
    while len(started) < {"export": 1, "verify": 2}[stage]:
        next(work)
    assert started[-1].poll() is None
    work.close()
    assert started[-1].poll() is not None
    assert {item.name for item in tmp_path.iterdir()} <= {"home"}


@pytest.mark.slow
def test_a_failed_export_is_an_error_with_details_in_the_log(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    write = export.write_in_subprocess
    gone = tmp_path / "gone.safetensors"
    gone.write_bytes(b"")
    monkeypatch.setattr(export, "write_in_subprocess", lambda _model, options, path: write(gone, options, path))
    with pytest.raises(EngineError, match=r"could not be written as onnx\. See the log for details\."):
        export_to(run, tmp_path / "a.onnx", ONNX)
    assert "This is not a model made by Classifold." in caplog.text


@pytest.mark.slow
def test_a_training_continues_while_another_model_is_exported(run: Run, tmp_path: Path) -> None:
    config = CONFIG.changed("training", epochs=1000)
    is_exported = threading.Event()

    def train() -> int:
        work = jobs.train(run.dataset, config, tmp_path / "beside")
        num_events = 0
        while not is_exported.is_set():
            next(work)
            num_events += 1
        work.close()
        return num_events

    with ThreadPoolExecutor(1) as thread:
        training = thread.submit(train)
        try:
            export_to(run, tmp_path / "a.pt2", PT2)
        finally:
            is_exported.set()
        assert training.result() > 0


@pytest.mark.parametrize(
    "code",
    [
        "from pathlib import Path; from engine.ml.export.onnx_session import open_onnx; open_onnx(Path('a.onnx'))",
        "import runpy; runpy.run_path('predict.py')['load']()",
    ],
)
def test_onnxruntime_writes_no_telemetry_files(exported: Path, tmp_path: Path, code: str) -> None:
    switches = {"CI", "ORT_DISABLE_TELEMETRY", "ORT_RUNNING_UNIT_TESTS", "XDG_CACHE_HOME"}
    environment = {name: value for name, value in os.environ.items() if name not in switches}
    environment |= {"HOME": str(tmp_path), "PYTHONPATH": str(Path(jobs.__file__).parents[2])}
    subprocess.run([sys.executable, "-c", code], check=True, cwd=exported, env=environment)
    assert list(tmp_path.iterdir()) == []
