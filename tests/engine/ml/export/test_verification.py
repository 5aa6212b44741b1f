"""Tests of the verification of exported files."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from engine import jobs
from engine.core.errors import EngineError
from engine.core.event_stream import run_to_end
from engine.ml.export import export, verification, verification_process
from engine.results.export_verification import read_verification
from engine.runs.run_folder import Run
from tests.engine.ml.export.exporting import INT8, ONNX, export_to


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
        export_to(run, tmp_path / "a.onnx", ONNX)
    assert (tmp_path / "a.onnx").read_bytes() == b"an older file"
    record = read_verification(tmp_path / "a.disagrees.onnx")
    assert not record.passed
    assert record.max_difference > 1e-3


@pytest.mark.slow
def test_a_differing_script_fails_the_verification_of_floats_but_not_of_int8(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(verification, "SCRIPT_TOLERANCE", -1.0)
    assert export_to(run, tmp_path / "a.onnx", INT8).passed
    with pytest.raises(EngineError, match="differ from Classifold's"):
        export_to(run, tmp_path / "b.onnx", ONNX)


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
