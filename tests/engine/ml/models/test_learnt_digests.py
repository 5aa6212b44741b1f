"""Tests of the digests of training images in model files."""

import json
import shutil
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from engine import jobs
from engine.core.errors import EngineError
from engine.core.event_stream import run_to_end
from engine.ml.models.learnt_digests import LEARNT_NAME, read_learnt
from engine.ml.models.model_file import load_model
from engine.runs.run_folder import Run
from tests.engine.conftest import CONFIG


def test_a_model_knows_its_training_images_and_no_others(tiny_run: Run) -> None:
    learnt = read_learnt(tiny_run.model_path)
    files = json.loads(tiny_run.split_path.read_text("utf-8"))["files"]
    train = {int.from_bytes(bytes.fromhex(f["digest"])[:8], "little") for f in files if f["split"] == "train"}
    assert learnt is not None
    assert set(learnt.digests["digest"].tolist()) == train


def test_a_model_file_holds_no_names_of_images(tiny_run: Run) -> None:
    content = tiny_run.model_path.read_bytes()
    assert not any(Path(sample.path).name.encode() in content for sample in tiny_run.dataset.samples)


def test_a_run_that_was_stopped_before_its_first_epoch_knows_its_images(tiny_run: Run, tmp_path: Path) -> None:
    work = jobs.train(tiny_run.dataset, CONFIG, tmp_path / "run")
    while not (tmp_path / "run" / "model.safetensors").exists():
        next(work)
    work.close()
    learnt, whole = read_learnt(tmp_path / "run" / "model.safetensors"), read_learnt(tiny_run.model_path)
    assert learnt is not None
    assert whole is not None
    assert learnt.digests.tobytes() == whole.digests.tobytes()


def test_a_resumed_run_keeps_what_it_learnt_from(tiny_run: Run, tmp_path: Path) -> None:
    data = Path(shutil.copytree(tiny_run.dataset.root, tmp_path / "data"))
    work = jobs.split_and_train(run_to_end(jobs.scan(data)), CONFIG.changed("training", epochs=3), tmp_path / "run")
    run = Run(tmp_path / "run")
    while not (run.model_path.exists() and run.history.epochs):
        next(work)
    work.close()
    before = read_learnt(run.model_path)
    next(data.rglob("*.png")).unlink()
    run_to_end(jobs.resume(run.path))
    after = read_learnt(run.model_path)
    assert before is not None
    assert after is not None
    assert after.digests.tobytes() == before.digests.tobytes()


@pytest.mark.parametrize(
    "digests",
    [torch.zeros(4, 27, dtype=torch.uint8), torch.zeros(4, dtype=torch.uint8), torch.zeros(4, 28)],
    ids=["narrow", "flat", "floats"],
)
def test_damaged_digests_raise_an_error_and_the_model_still_loads(
    digests: torch.Tensor, tiny_run: Run, tmp_path: Path
) -> None:
    model = tmp_path / "model.safetensors"
    with open(tiny_run.model_path, "rb") as file:
        header = json.loads(file.read(int.from_bytes(file.read(8), "little")))
    save_file(load_file(tiny_run.model_path) | {LEARNT_NAME: digests}, model, header["__metadata__"])
    with pytest.raises(EngineError, match="list of training images in this model file is damaged"):
        read_learnt(model)
    load_model(model)
