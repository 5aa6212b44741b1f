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
from PIL import Image
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from engine import jobs
from engine.config.settings import Geometry, RunConfig
from engine.core import process as child
from engine.core.errors import EngineError
from engine.core.event_stream import run_to_end
from engine.data.dataset import scan
from engine.data.decode import decode
from engine.data.splits import split
from engine.ml.export import export, verification, verification_process
from engine.ml.models.preprocessing import CROP_FRACTION, PAD_GREY, Preprocessing, preprocess
from engine.results.export_verification import ExportOptions, ExportVerification, read_verification
from engine.results.predictions import Prediction
from engine.runs.run_folder import Run
from resources import predict
from tests.images import write_classes

ONNX, PT2, INT8 = ExportOptions(), ExportOptions(format="pt2"), ExportOptions(int8=True)
CONFIG = (
    RunConfig()
    .changed("data", image_size=24)
    .changed("training", epochs=3, batch_size=8, device="cpu")
    .changed("optim", lr=5e-3)
)


def _train(folder: Path, config: RunConfig) -> Run:
    root = write_classes(folder / "data", {"red": 20, "green": 20, "blue's \"\n": 20})
    return run_to_end(jobs.train(split(scan(root), 0.4, 0), config, folder / "run"))


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    return _train(tmp_path_factory.mktemp("export"), CONFIG)


def _export(run: Run, path: Path, options: ExportOptions, data: Path | None = None) -> ExportVerification:
    return run_to_end(jobs.export(run.model_path, path, options, data))


@pytest.fixture(scope="module")
def exported(run: Run, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with the model as a.onnx and a.pt2."""
    folder = tmp_path_factory.mktemp("exported")
    for options in (ONNX, PT2):
        _export(run, folder / f"a.{options.format}", options)
    return folder


def _run_script(script: Path, *images: Path) -> list[dict[str, object]]:
    command = [sys.executable, "-I", str(script), *map(str, images)]
    predictions = subprocess.run(command, capture_output=True, check=True, cwd=script.parent.parent)
    return [json.loads(line) for line in predictions.stdout.splitlines()]


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
    record = _export(run, tmp_path / "a.onnx", ExportOptions(normalises=False))
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
    assert metadata["classes"] == ["blue's \"\n", "green", "red"]
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


@pytest.mark.parametrize("geometry", ["crop", "squash", "pad"])
def test_the_script_preprocesses_images_as_the_program_does(tmp_path: Path, geometry: Geometry) -> None:
    preprocessing = Preprocessing(24, geometry, (0.5, 0.5, 0.5), (0.2, 0.2, 0.2))
    for path in _unusual_images(tmp_path):
        actual = predict.preprocess(path, 24, geometry, CROP_FRACTION, PAD_GREY)[0]
        expected = preprocess(decode(path, preprocessing.min_side), preprocessing).numpy()
        assert np.abs(actual.astype(int) - expected).max() <= 1, path.name


def test_the_script_decides_as_the_program_does(run: Run, exported: Path, tmp_path: Path) -> None:
    images = _unusual_images(tmp_path)
    predictions, expected = _run_script(exported / "predict.py", *images), _predicted(run, images)
    assert [row["label"] for row in predictions] == [row.label for row in expected]
    assert [row["decision"] for row in predictions] == [row.decision for row in expected]
    assert {row.decision for row in expected} > {"unknown"}  # known and unknown images
    differences = [abs(a["confidence"] - (e.confidence or 0)) for a, e in zip(predictions, expected)]  # type: ignore[operator]
    assert max(differences) < 0.01


def _predicted(run: Run, images: list[Path]) -> list[Prediction]:
    predictions: list[Prediction] = []
    run_to_end(
        jobs.predict(run.model_path, images),
        lambda event: predictions.append(event) if isinstance(event, Prediction) else None,
    )
    return predictions


def _unusual_images(folder: Path) -> list[Path]:
    """Return images that are wide, high, rotated by EXIF, transparent, with a palette, 16-bit grey, and large."""
    generator = np.random.default_rng(0)
    noise = np.clip(generator.normal((200, 40, 40), 25, (300, 420, 3)), 0, 255).astype(np.uint8)
    noise[:, :100] = (40, 180, 60)
    whole = Image.fromarray(noise)
    exif = Image.Exif()
    exif[0x0112] = 6
    transparent = whole.copy()
    transparent.putalpha(Image.fromarray((generator.random((300, 420)) * 255).astype(np.uint8)))
    deep = Image.fromarray(np.asarray(whole.convert("L")).astype(np.uint16) * 200)
    pictures = {
        "wide.jpg": (whole, {"quality": 95}),
        "high.png": (whole.crop((0, 0, 40, 300)), {}),
        "turned.jpg": (whole, {"exif": exif}),
        "clear.png": (transparent, {}),
        "palette.gif": (whole.convert("P"), {}),
        "deep.png": (deep, {}),
        "large.jpg": (whole.resize((2100, 1500)), {"quality": 80}),
    }
    for name, (image, options) in pictures.items():
        image.save(folder / name, **options)
    return [folder / name for name in pictures]


@pytest.mark.slow
def test_a_foreign_script_is_not_overwritten(run: Run, tmp_path: Path) -> None:
    (tmp_path / "predict.py").write_text("mine")
    _export(run, tmp_path / "a.onnx", ONNX)
    assert (tmp_path / "predict.py").read_text() == "mine"
    assert (tmp_path / "predict-a.py").is_file()


@pytest.mark.slow
def test_a_file_that_fails_verification_is_an_error_and_gets_another_name(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "a.onnx").write_bytes(b"an older file")
    another = tmp_path / "another.safetensors"
    with safe_open(run.model_path, "pt") as file:
        metadata = file.metadata()
    tensors = load_file(run.model_path)
    tensors["head.bias"] += torch.tensor([3.0, 0.0, 0.0])
    save_file(tensors, another, metadata)
    write = export.write_in_subprocess
    monkeypatch.setattr(export, "write_in_subprocess", lambda _model, options, path: write(another, options, path))
    with pytest.raises(EngineError, match="differ from Classifold's"):
        _export(run, tmp_path / "a.onnx", ONNX)
    assert (tmp_path / "a.onnx").read_bytes() == b"an older file"
    record = read_verification(tmp_path / "a.disagrees.onnx")
    assert not record.passed
    assert record.max_difference > 1e-3


@pytest.mark.slow
def test_a_differing_script_fails_the_verification_of_floats_but_not_of_int8(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(verification, "SCRIPT_TOLERANCE", -1.0)
    assert _export(run, tmp_path / "a.onnx", INT8).passed
    with pytest.raises(EngineError, match="differ from Classifold's"):
        _export(run, tmp_path / "b.onnx", ONNX)


@pytest.mark.slow
def test_an_int8_export_that_loses_too_much_accuracy_is_refused(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(verification, "MAX_ACCURACY_LOSS", -1.0)
    with pytest.raises(EngineError, match="Export it as floats"):
        _export(run, tmp_path / "a.onnx", INT8)
    assert not (tmp_path / "a.onnx").exists()
    assert read_verification(tmp_path / "a.disagrees.onnx").int8


@pytest.mark.slow
def test_an_int8_export_is_calibrated_on_training_and_verified_on_validation_images(run: Run, tmp_path: Path) -> None:
    record = _export(run, tmp_path / "a.onnx", INT8)
    assert record.int8
    assert record.speedup is not None
    assert record.num_images == len(run.dataset.of_split("val"))
    assert record.notes == ("Calibrated on 36 training images.",)
    assert (record.model_accuracy or 0) - (record.accuracy or 0) <= 0.02
    kinds = {node.op_type for node in onnx.load(tmp_path / "a.onnx").graph.node}
    assert "QuantizeLinear" in kinds


@pytest.mark.slow
def test_without_a_split_half_of_the_images_calibrate_and_half_verify_int8(run: Run, tmp_path: Path) -> None:
    other = write_classes(tmp_path / "other", {"red": 6, "green": 6}, seed=9)
    record = _export(run, tmp_path / "a.onnx", INT8, other)
    assert record.num_images == 6
    assert "6 validation images that were not used for verification" in record.notes[0]


@pytest.mark.slow
def test_a_model_without_photos_is_verified_on_sample_images(run: Run, tmp_path: Path) -> None:
    lone = tmp_path / "lone.safetensors"
    lone.write_bytes(run.model_path.read_bytes())
    record = run_to_end(jobs.export(lone, tmp_path / "a.onnx", ONNX))
    assert record.images == "sample"
    assert record.accuracy is None
    assert record.num_images == record.num_equal == 60
    with pytest.raises(EngineError, match="--data"):
        run_to_end(jobs.export(lone, tmp_path / "b.onnx", INT8))


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
        _export(run, tmp_path / name, options)


def test_a_file_that_does_not_run_is_an_error_and_is_removed(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:

    def write_nonsense(_model, _options, path):  # type: ignore[no-untyped-def]
        path.write_bytes(b"no network")
        yield from ()

    monkeypatch.setattr(export, "write_in_subprocess", write_nonsense)
    with pytest.raises(EngineError, match="does not run"):
        _export(run, tmp_path / "a.onnx", ONNX)
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
        _export(run, tmp_path / "a.onnx", ONNX)
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
            _export(run, tmp_path / "a.pt2", PT2)
        finally:
            is_exported.set()
        assert training.result() > 0


def test_the_process_that_verifies_onnx_does_not_import_torch(exported: Path) -> None:
    script = (
        "import sys; from pathlib import Path; from engine.ml.export.onnx_session import open_onnx; "
        "open_onnx(Path(sys.argv[1])); sys.exit('torch' in sys.modules)"
    )
    subprocess.run([sys.executable, "-c", script, str(exported / "a.onnx")], check=True)


def test_images_that_the_script_cannot_read_are_not_counted(tmp_path: Path) -> None:
    script = tmp_path / "predict.py"
    script.write_text(
        "def load(): return None\n"
        "def predict(model, path):\n    if 'odd' in path: raise SyntaxError('odd')\n    return {'label': path[:1]}\n"
    )
    assert verification_process._run_script(script, ["a.jpg", "odd.heic", "b.jpg"]) == ["a", None, "b"]


@pytest.mark.parametrize(
    ("labels", "expected"),
    [
        (["a", "b", "b"], (3, 3, True)),
        (["a", "b", None], (2, 2, True)),
        (["a", "b", "a"], (3, 2, True)),  # 0.498 and 0.502 are within the tolerance
        (["b", "b", "b"], (3, 2, False)),
    ],
)
def test_a_script_may_differ_only_where_two_classes_have_similar_probabilities(
    labels: list[str | None], expected: tuple[int, int, bool]
) -> None:
    probabilities = np.array([[0.9, 0.1], [0.2, 0.8], [0.498, 0.502]], np.float32)
    comparison = verification._compare_script(labels, probabilities, ("a", "b"))
    assert comparison is not None
    assert (comparison.num_images, comparison.num_equal, comparison.is_within_tolerance) == expected


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


def test_the_script_reads_the_out_of_distribution_threshold_of_older_exports(exported: Path, tmp_path: Path) -> None:
    model = onnx.load(exported / "a.onnx")
    (entry,) = model.metadata_props
    metadata = json.loads(entry.value)
    del metadata["ood_threshold"]
    entry.value = json.dumps(metadata | {"unknown_below": 1.1})
    onnx.save(model, tmp_path / "a.onnx")
    (tmp_path / "predict.py").write_bytes((exported / "predict.py").read_bytes())
    images = _unusual_images(tmp_path)
    assert {row["decision"] for row in _run_script(tmp_path / "predict.py", *images)} == {"unknown"}
