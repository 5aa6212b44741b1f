"""Tests of explanations."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from engine import jobs
from engine.cli.main import main
from engine.config.settings import Geometry
from engine.core.errors import EngineError
from engine.core.event_stream import run_to_end
from engine.data.dataset import scan
from engine.data.splits import split
from engine.ml.models.preprocessing import Preprocessing, preprocess, visible_box
from engine.results.predictions import Prediction
from engine.runs.run_folder import Run
from tests.images import truncate_file, write_classes
from tests.scratch_config import scratch_config


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A run on red and blue pictures."""
    folder = tmp_path_factory.mktemp("explain")
    data = split(scan(write_classes(folder / "data", {"red": 10, "blue": 10})), 0.4, 0)
    config = scratch_config().changed("data", image_size=32).changed("optim", lr=5e-3)
    config = config.changed("training", epochs=3, batch_size=8, device="cpu", precision="float32")
    return run_to_end(jobs.train(data, config, folder / "run"))


def _image(run: Run) -> Path:
    return run.dataset.root / "red" / "000.png"


def test_the_heat_maps_of_two_classes_differ(run: Run) -> None:
    own = run_to_end(jobs.explain(run.model_path, _image(run)))
    (prediction,) = _predictions(run, _image(run))
    assert own.label == own.predicted == prediction.label
    assert own.confidence == pytest.approx(prediction.confidence, abs=1e-3)
    assert own.heat.shape == (32, 32)
    assert own.heat.dtype == np.float32
    other_label = "blue" if own.label == "red" else "red"
    other = run_to_end(jobs.explain(run.model_path, _image(run), other_label))
    assert (other.label, other.predicted) == (other_label, own.label)
    assert not np.allclose(own.heat, other.heat)


def _predictions(run: Run, image: Path) -> list[Prediction]:
    events: list[object] = []
    run_to_end(jobs.predict(run.model_path, [image]), events.append)
    return [event for event in events if isinstance(event, Prediction)]


def test_the_nearest_training_images_are_given_with_their_class(run: Run) -> None:
    dataset = run.dataset
    sample = dataset.of_split("train")[2]
    near = run_to_end(jobs.explain(run.model_path, dataset.root / sample.path)).neighbours
    assert len(near) == 5
    similarities = [neighbour.similarity for neighbour in near]
    assert similarities == sorted(similarities, reverse=True)
    assert (near[0].path, near[0].label) == (str(dataset.root / sample.path), dataset.classes[sample.label])


def test_explanations_and_predictions_at_the_same_time_equal_those_one_after_the_other(run: Run) -> None:
    images = [run.dataset.root / sample.path for sample in run.dataset.samples[::5]]
    heats = [run_to_end(jobs.explain(run.model_path, image)).heat for image in images]
    predictions = [_predictions(run, image) for image in images]
    with ThreadPoolExecutor(4) as pool:
        explained = [pool.submit(run_to_end, jobs.explain(run.model_path, image)) for image in images]
        predicted = [pool.submit(_predictions, run, image) for image in images]
        assert all(np.array_equal(heat, future.result().heat) for heat, future in zip(heats, explained))
        assert [future.result() for future in predicted] == predictions


def test_a_class_to_explain_may_be_typed_in_another_letter_case(run: Run) -> None:
    assert run_to_end(jobs.explain(run.model_path, _image(run), "Blue ")).label == "blue"


def test_an_unknown_class_and_a_damaged_image_raise_errors(run: Run, tmp_path: Path) -> None:
    with pytest.raises(EngineError, match="no class 'green'"):
        run_to_end(jobs.explain(run.model_path, _image(run), "green"))
    bad = tmp_path / "bad.png"
    bad.write_bytes(_image(run).read_bytes())
    with pytest.raises(EngineError):
        run_to_end(jobs.explain(run.model_path, truncate_file(bad)))


def test_the_command_line_draws_a_figure(run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "why.png"
    arguments = ["explain", str(run.model_path), str(_image(run)), "--out", str(out), "--label", "blue"]
    assert main(arguments) == 0
    assert "blue" in capsys.readouterr().out
    with Image.open(out) as figure:
        assert min(figure.size) > 500
    assert main([*arguments[:4], str(tmp_path / "why.nothing")]) == 1
    assert main(["robustness", str(run.path), "--json"]) == 0
    assert '"rotation"' in capsys.readouterr().out


@pytest.mark.parametrize("geometry", ["crop", "squash", "pad"])
def test_the_visible_box_maps_positions_to_the_original_image(geometry: Geometry) -> None:
    preprocessing = Preprocessing(64, geometry, (0, 0, 0), (1, 1, 1))
    for width, height in ((200, 100), (90, 240), (64, 64)):
        # Red increases with x and green with y, so a colour identifies a position
        pixels = np.zeros((height, width, 3), np.uint8)
        pixels[..., 0] = np.linspace(0, 250, width)[None, :]
        pixels[..., 1] = np.linspace(0, 250, height)[:, None]
        pixels[..., 2] = 255
        seen = preprocess(pixels, preprocessing).float()
        box = visible_box(width, height, preprocessing)
        for row, column in ((12, 20), (32, 32), (40, 50)):
            if seen[2, row, column] < 250:  # a grey border
                continue
            x = box.left + (column + 0.5) / 64 * (box.right - box.left)
            y = box.top + (row + 0.5) / 64 * (box.bottom - box.top)
            assert float(seen[0, row, column]) / 250 == pytest.approx(x, abs=0.03)
            assert float(seen[1, row, column]) / 250 == pytest.approx(y, abs=0.03)
