"""Tests of exported files, with tiny networks and the real runtimes in a process of their own."""

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
from engine.ml.export import export
from engine.ml.export import verification as certify
from engine.ml.export import verification_process as run_export
from engine.ml.models.preprocessing import CROP_FRACTION, PAD_GREY, Preprocessing, preprocess
from engine.results.export_verification import ExportOptions, ExportVerification, read_verification
from engine.results.predictions import Prediction
from engine.runs.run_folder import Run
from resources import predict
from tests.pictures import write_classes

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


def _ask_script(script: Path, *images: Path) -> list[dict[str, object]]:
    command = [sys.executable, "-I", str(script), *map(str, images)]
    answers = subprocess.run(command, capture_output=True, check=True, cwd=script.parent.parent)
    return [json.loads(line) for line in answers.stdout.splitlines()]


@pytest.mark.parametrize("format", ["onnx", "pt2"])
def test_a_file_answers_as_the_program_and_its_certificate_says_so(run: Run, exported: Path, format: str) -> None:
    certificate = read_verification(exported / f"a.{format}")
    assert certificate.num_images == certificate.num_equal == len(run.dataset.of_split("val"))
    assert certificate.script_num_equal == (certificate.num_images if format == "onnx" else None)
    assert certificate.max_difference < 1e-4
    assert certificate.accuracy == certificate.model_accuracy == run.history.best.accuracy  # type: ignore[union-attr]
    assert certificate.passed
    assert certificate.sha256 == sha256((exported / f"a.{format}").read_bytes()).hexdigest()


def test_nothing_lies_there_but_files_certificates_and_the_script(exported: Path) -> None:
    names = {f"a.{format}{end}" for format in ("onnx", "pt2") for end in ("", ".certificate.json")}
    assert {item.name for item in exported.iterdir()} == names | {"predict.py"}


@pytest.mark.slow
def test_a_file_may_take_normalised_floats(run: Run, tmp_path: Path) -> None:
    certificate = _export(run, tmp_path / "a.onnx", ExportOptions(normalises=False))
    assert certificate.script_num_equal == certificate.num_equal == certificate.num_images
    (images,) = onnxruntime.InferenceSession(tmp_path / "a.onnx", providers=["CPUExecutionProvider"]).get_inputs()
    assert images.type == "tensor(float)"


def test_all_that_is_needed_to_use_it_stands_in_the_file(exported: Path) -> None:
    (entry,) = onnx.load(exported / "a.onnx").metadata_props
    extra = {"classifold.json": ""}
    torch.export.load(exported / "a.pt2", extra_files=extra)
    assert entry.key == "classifold"
    about = json.loads(entry.value)
    assert about == json.loads(extra["classifold.json"])
    assert about["classes"] == ["blue's \"\n", "green", "red"]
    assert (about["image_size"], about["geometry"], about["normalises"]) == (24, "crop", True)
    assert about["temperature"] == about["calibration"]["temperature"]
    assert about["threshold"] == 0.0  # 24 images prove no budget of 5 %, so everything is answered
    assert about["unknown_below"] == about["calibration"]["unknown_below"] is not None


def test_a_batch_may_have_any_size(exported: Path) -> None:
    session = onnxruntime.InferenceSession(exported / "a.onnx", providers=["CPUExecutionProvider"])
    (images,) = session.get_inputs()
    assert (images.name, images.type, images.shape[1:]) == ("images", "tensor(uint8)", [3, 24, 24])
    for num in (1, 5):
        probabilities, similarity = session.run(None, {"images": np.zeros((num, 3, 24, 24), np.uint8)})
        assert probabilities.shape == (num, 3)
        assert similarity.shape == (num,)


@pytest.mark.parametrize("geometry", ["crop", "squash", "pad"])
def test_the_script_sees_pictures_as_the_program_does(tmp_path: Path, geometry: Geometry) -> None:
    preprocessing = Preprocessing(24, geometry, (0.5, 0.5, 0.5), (0.2, 0.2, 0.2))
    for path in _odd_images(tmp_path):
        seen = predict.pixels(path, 24, geometry, CROP_FRACTION, PAD_GREY)[0]
        expected = preprocess(decode(path, preprocessing.min_side), preprocessing).numpy()
        assert np.abs(seen.astype(int) - expected).max() <= 1, path.name


def test_the_script_decides_as_the_program_without_it(run: Run, exported: Path, tmp_path: Path) -> None:
    images = _odd_images(tmp_path)
    answers, expected = _ask_script(exported / "predict.py", *images), _predicted(run, images)
    assert [answer["label"] for answer in answers] == [answer.label for answer in expected]
    assert [answer["decision"] for answer in answers] == [answer.decision for answer in expected]
    assert {answer.decision for answer in expected} > {"unknown"}  # both kinds are among them
    differences = [abs(a["confidence"] - (e.confidence or 0)) for a, e in zip(answers, expected)]  # type: ignore[operator]
    assert max(differences) < 0.01


def _predicted(run: Run, images: list[Path]) -> list[Prediction]:
    answers: list[Prediction] = []
    run_to_end(
        jobs.predict(run.model_path, images),
        lambda event: answers.append(event) if isinstance(event, Prediction) else None,
    )
    return answers


def _odd_images(folder: Path) -> list[Path]:
    """Return pictures wide and high, turned by EXIF, transparent, of a palette, grey of 16 bits, and photo-sized."""
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
def test_a_script_of_the_users_own_is_left_alone(run: Run, tmp_path: Path) -> None:
    (tmp_path / "predict.py").write_text("mine")
    _export(run, tmp_path / "a.onnx", ONNX)
    assert (tmp_path / "predict.py").read_text() == "mine"
    assert (tmp_path / "predict-a.py").is_file()


@pytest.mark.slow
def test_a_file_that_disagrees_is_an_error_and_bears_it_in_its_name(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "a.onnx").write_bytes(b"what lay there before")
    another = tmp_path / "another.safetensors"
    with safe_open(run.model_path, "pt") as file:
        metadata = file.metadata()
    tensors = load_file(run.model_path)
    tensors["head.bias"] += torch.tensor([3.0, 0.0, 0.0])
    save_file(tensors, another, metadata)
    write = export.write_apart
    monkeypatch.setattr(export, "write_apart", lambda _model, options, path: write(another, options, path))
    with pytest.raises(EngineError, match="does not answer as Classifold does"):
        _export(run, tmp_path / "a.onnx", ONNX)
    assert (tmp_path / "a.onnx").read_bytes() == b"what lay there before"
    certificate = read_verification(tmp_path / "a.disagrees.onnx")
    assert not certificate.passed
    assert certificate.max_difference > 1e-3


@pytest.mark.slow
def test_a_script_that_differs_is_held_against_floats_and_not_against_integers(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(certify, "SCRIPT_TOLERANCE", -1.0)
    assert _export(run, tmp_path / "a.onnx", INT8).passed
    with pytest.raises(EngineError, match="does not answer as Classifold does"):
        _export(run, tmp_path / "b.onnx", ONNX)


@pytest.mark.slow
def test_integers_that_cost_too_much_are_refused(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(certify, "MAX_ACCURACY_LOSS", -1.0)
    with pytest.raises(EngineError, match="Export it as floats"):
        _export(run, tmp_path / "a.onnx", INT8)
    assert not (tmp_path / "a.onnx").exists()
    assert read_verification(tmp_path / "a.disagrees.onnx").int8


@pytest.mark.slow
def test_integers_are_measured_on_images_they_were_not_made_from(run: Run, tmp_path: Path) -> None:
    certificate = _export(run, tmp_path / "a.onnx", INT8)
    assert certificate.int8
    assert certificate.speedup is not None
    assert certificate.num_images == len(run.dataset.of_split("val"))
    assert certificate.notes == ("The ranges of its integers were taken from 36 training images.",)
    assert (certificate.model_accuracy or 0) - (certificate.accuracy or 0) <= 0.02
    kinds = {node.op_type for node in onnx.load(tmp_path / "a.onnx").graph.node}
    assert "QuantizeLinear" in kinds


@pytest.mark.slow
def test_without_a_split_half_of_the_images_make_the_integers_and_half_measure(run: Run, tmp_path: Path) -> None:
    other = write_classes(tmp_path / "other", {"red": 6, "green": 6}, seed=9)
    certificate = _export(run, tmp_path / "a.onnx", INT8, other)
    assert certificate.num_images == 6
    assert "6 validation images it was not measured on" in certificate.notes[0]


@pytest.mark.slow
def test_a_model_without_photos_is_proved_on_drawn_images_and_says_so(run: Run, tmp_path: Path) -> None:
    lone = tmp_path / "lone.safetensors"
    lone.write_bytes(run.model_path.read_bytes())
    certificate = run_to_end(jobs.export(lone, tmp_path / "a.onnx", ONNX))
    assert certificate.images == "sample"
    assert certificate.accuracy is None
    assert certificate.num_images == certificate.num_equal == 60
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
def test_what_cannot_be_written_is_said_before_work_begins(
    run: Run, tmp_path: Path, name: str, options: ExportOptions, sentence: str
) -> None:
    with pytest.raises(EngineError, match=sentence):
        _export(run, tmp_path / name, options)


def test_a_file_that_crashes_its_runtime_is_a_sentence_and_leaves_nothing(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:

    def write_nonsense(_model, _options, path):  # type: ignore[no-untyped-def]
        path.write_bytes(b"no network")
        yield from ()

    monkeypatch.setattr(export, "write_apart", write_nonsense)
    with pytest.raises(EngineError, match="does not run"):
        _export(run, tmp_path / "a.onnx", ONNX)
    assert {item.name for item in tmp_path.iterdir()} <= {"home"}


@pytest.mark.parametrize("stage", ["export", pytest.param("verify", marks=pytest.mark.slow)])
def test_stopping_ends_the_other_process_and_leaves_nothing(
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
def test_a_model_that_cannot_be_written_is_a_sentence_and_the_log_tells_more(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    write = export.write_apart
    gone = tmp_path / "gone.safetensors"
    gone.write_bytes(b"")
    monkeypatch.setattr(export, "write_apart", lambda _model, options, path: write(gone, options, path))
    with pytest.raises(EngineError, match=r"could not be written as onnx\. See the log for details\."):
        _export(run, tmp_path / "a.onnx", ONNX)
    assert "This is not a model made by Classifold." in caplog.text


@pytest.mark.slow
def test_a_training_goes_on_while_another_model_is_exported(run: Run, tmp_path: Path) -> None:
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


def test_the_process_that_proves_onnx_does_not_import_torch(exported: Path) -> None:
    script = (
        "import sys; from pathlib import Path; from engine.ml.export.onnx_session import open_onnx; "
        "open_onnx(Path(sys.argv[1])); sys.exit('torch' in sys.modules)"
    )
    subprocess.run([sys.executable, "-c", script, str(exported / "a.onnx")], check=True)


def test_what_the_script_cannot_read_is_left_out_of_its_count(tmp_path: Path) -> None:
    script = tmp_path / "predict.py"
    script.write_text(
        "def load(): return None\n"
        "def predict(model, path):\n    if 'odd' in path: raise SyntaxError('odd')\n    return {'label': path[:1]}\n"
    )
    assert run_export._ask_script(script, ["a.jpg", "odd.heic", "b.jpg"]) == ["a", None, "b"]


@pytest.mark.parametrize(
    ("labels", "expected"),
    [
        (["a", "b", "b"], (3, 3, True)),
        (["a", "b", None], (2, 2, True)),
        (["a", "b", "a"], (3, 2, True)),  # 0.498 and 0.502 are as good as alike
        (["b", "b", "b"], (3, 2, False)),
    ],
)
def test_a_script_may_differ_only_where_two_classes_are_alike(
    labels: list[str | None], expected: tuple[int, int, bool]
) -> None:
    probabilities = np.array([[0.9, 0.1], [0.2, 0.8], [0.498, 0.502]], np.float32)
    found = certify._compare_script(labels, probabilities, ("a", "b"))
    assert found is not None
    assert (found.num_images, found.num_equal, found.is_right) == expected


@pytest.mark.parametrize(
    "code",
    [
        "from pathlib import Path; from engine.ml.export.onnx_session import open_onnx; open_onnx(Path('a.onnx'))",
        "import runpy; runpy.run_path('predict.py')['load']()",
    ],
)
def test_onnxruntime_neither_keeps_nor_sends_what_it_learns_of_a_model(
    exported: Path, tmp_path: Path, code: str
) -> None:
    switches = {"CI", "ORT_DISABLE_TELEMETRY", "ORT_RUNNING_UNIT_TESTS", "XDG_CACHE_HOME"}
    environment = {name: value for name, value in os.environ.items() if name not in switches}
    environment |= {"HOME": str(tmp_path), "PYTHONPATH": str(Path(jobs.__file__).parents[2])}
    subprocess.run([sys.executable, "-c", code], check=True, cwd=exported, env=environment)
    assert list(tmp_path.iterdir()) == []
