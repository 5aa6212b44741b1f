"""Tests of runs whose images were moved."""

import json
import shutil
from pathlib import Path

import pytest

from engine import jobs
from engine.cli.main import main
from engine.core.errors import EngineError
from engine.core.event_stream import run_to_end
from engine.core.events import Warned
from engine.data.label_overrides import append_decision
from engine.results.robustness import read_robustness
from engine.runs.image_folder import ImagesMissingError, current_dataset, move_images, require_images
from engine.runs.run_folder import Run
from tests.images import draw_image


@pytest.fixture
def moved(tiny_run: Run, tmp_path: Path) -> Run:
    """Return a copy of a run whose images were moved from `before` to `after`."""
    run = Run(Path(shutil.copytree(tiny_run.path, tmp_path / "run")))
    shutil.copytree(tiny_run.dataset.root, tmp_path / "after")
    text = run.split_path.read_text("utf-8")
    run.split_path.write_text(text.replace(str(tiny_run.dataset.root), str(tmp_path / "before")), "utf-8")
    return run


def test_missing_images_raise_an_error_that_names_the_way_out(moved: Run) -> None:
    with pytest.raises(ImagesMissingError, match="--data DIR") as caught:
        require_images(moved)
    assert caught.value.run_path == moved.path


def test_an_empty_folder_at_the_old_place_counts_as_missing(moved: Run) -> None:
    moved.dataset.root.mkdir()
    with pytest.raises(ImagesMissingError):
        require_images(moved)


def test_the_current_dataset_has_the_labels_of_the_folder_and_new_images_for_validation(
    moved: Run, tmp_path: Path
) -> None:
    move_images(moved, tmp_path / "after")
    first, second = moved.dataset.of_split("train")[:2]
    append_decision(tmp_path / "after", first.path, "relabel", moved.dataset.classes[1 - first.label])
    append_decision(tmp_path / "after", second.path, "exclude")
    draw_image((200, 40, 40), 99).save(tmp_path / "after" / "red" / "new.png")
    samples = {sample.path: sample for sample in current_dataset(moved).samples}
    assert samples[first.path].label == 1 - first.label
    assert samples[first.path].split == "train"
    assert second.path not in samples
    assert samples["red/new.png"].split == "val"


def test_moved_images_are_found_and_remembered(moved: Run, tmp_path: Path) -> None:
    assert move_images(moved, tmp_path / "after") == 0
    assert require_images(moved).root == tmp_path / "after"


def test_the_folder_around_the_images_is_good_enough(moved: Run, tmp_path: Path) -> None:
    (tmp_path / "disk").mkdir()
    (tmp_path / "after").rename(tmp_path / "disk" / "photos")
    move_images(moved, tmp_path / "disk")
    assert moved.dataset.root == tmp_path / "disk" / "photos"


def test_a_folder_of_other_images_of_the_same_names_is_refused(moved: Run, tmp_path: Path) -> None:
    files = sorted((tmp_path / "after").rglob("*.png"))
    contents = [file.read_bytes() for file in files]
    for file, content in zip(files, contents[1:] + contents[:1]):
        file.write_bytes(content)
    before = moved.split_path.read_bytes()
    with pytest.raises(EngineError, match="of 24\N{NO-BREAK SPACE}images are missing or have changed"):
        move_images(moved, tmp_path / "after")
    assert moved.split_path.read_bytes() == before


def test_a_few_deleted_images_are_counted_and_do_not_matter(moved: Run, tmp_path: Path) -> None:
    next((tmp_path / "after").rglob("*.png")).unlink()
    events: list[object] = []
    run_to_end(jobs.find_images(moved, tmp_path / "after"), events.append)
    assert [event.message for event in events if isinstance(event, Warned)] == [
        "1\N{NO-BREAK SPACE}image of this run is missing or changed."
    ]


def test_a_run_of_an_older_version_is_found_by_its_paths(moved: Run, tmp_path: Path) -> None:
    document = json.loads(moved.split_path.read_text("utf-8"))
    document["files"] = [{k: v for k, v in file.items() if k not in ("size", "digest")} for file in document["files"]]
    moved.split_path.write_text(json.dumps(document), "utf-8")
    assert move_images(moved, tmp_path / "after") == 0


@pytest.mark.parametrize("command", ["robustness", "test", "resume", "report", "learning-curve", "compare", "explain"])
def test_commands_on_runs_take_the_new_place(
    command: str, moved: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    image = str(next((tmp_path / "after").rglob("*.png")))
    more = {
        "report": ["--out", str(tmp_path / "report.html")],
        "compare": [str(moved.path)],
        "explain": [image, "--out", str(tmp_path / "why.png")],
    }
    subject = moved.model_path if command == "explain" else moved.path
    main([command, str(subject), *more.get(command, []), "--data", str(tmp_path / "after")])
    assert "no longer in this folder" not in capsys.readouterr().err
    assert moved.dataset.root == tmp_path / "after"


def test_stored_results_follow_the_images(moved: Run, tmp_path: Path) -> None:
    assert main(["robustness", str(moved.path), "--data", str(tmp_path / "after")]) == 0
    (tmp_path / "after").rename(tmp_path / "again")
    move_images(moved, tmp_path / "again")
    assert read_robustness(moved.robustness_path).root == str(tmp_path / "again")
    assert main(["robustness", str(moved.path)]) == 0
