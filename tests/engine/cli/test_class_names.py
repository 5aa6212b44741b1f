"""Classes whose names mean something to the program, to tables or to file systems are classes like any other."""

import csv
import http.client
import json
import os
import runpy
from contextlib import closing
from pathlib import Path

import pytest

from engine import jobs
from engine.cli.main import main
from engine.core.event_stream import run_to_end
from engine.core.events import Serving
from engine.data.dataset import scan
from engine.data.splits import split
from engine.runs.run_folder import Run
from engine.sorting.undo import UNDO_NAME
from tests.engine.conftest import CONFIG
from tests.images import write_classes

NAMES = ["unknown", "unsure", "accepted", "review", "Error", "None", "=1+1", "-x", "@a", "a; b, c", "p(None)"]
if os.name != "nt":
    NAMES += ['say "a"', "x:y", "CON", "a\nb"]


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    folder = tmp_path_factory.mktemp("class names")
    root = write_classes(folder / "data", dict.fromkeys(NAMES, 4))
    return run_to_end(jobs.train(split(scan(root), 0.25, 0), CONFIG, folder / "run"))


@pytest.fixture(scope="module")
def images(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = write_classes(tmp_path_factory.mktemp("images"), {"a": 9, "b": 9, "c": 9}, seed=3)
    (folder / "bad.png").write_bytes(b"no image")
    return folder


@pytest.fixture
def labels(run: Run, images: Path, capsys: pytest.CaptureFixture[str]) -> dict[str, str | None]:
    """Return the class of each image below the folder, by path."""
    assert main(["predict", str(run.model_path), str(images), "--json", "--max-error", "1"]) == 0
    rows = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert {row["decision"] for row in rows} <= {"accepted", "unknown", None}
    assert [row["decision"] is None for row in rows] == [row["error"] is not None for row in rows]
    return {row["path"]: row["label"] for row in rows}


def test_a_table_has_a_column_for_each_class_and_the_labels_of_the_json_lines(
    run: Run, images: Path, labels: dict[str, str | None], tmp_path: Path
) -> None:
    assert set(run.dataset.classes) == set(NAMES)
    table = tmp_path / "a.csv"
    assert main(["predict", str(run.model_path), str(images), "--csv", str(table), "--max-error", "1"]) == 0
    assert table.read_bytes().startswith(b"\xef\xbb\xbfpath,decision,label,")
    with open(table, newline="", encoding="utf-8-sig") as file:
        rows = list(csv.DictReader(file))
    assert {row["path"]: row["label"].removeprefix("'") or None for row in rows} == labels
    for row in rows:
        probabilities = {name: row[f"p({name})"] for name in NAMES}
        if row["error"]:
            assert set(probabilities.values()) == {""}
            continue
        numbers = {name: float(value) for name, value in probabilities.items()}
        assert sum(numbers.values()) == pytest.approx(1, abs=1e-4)
        assert numbers[row["label"].removeprefix("'")] == max(numbers.values()) == float(row["confidence"])
        assert json.loads(row["top"])[0][0] == row["label"].removeprefix("'")


def test_an_evaluation_table_has_a_byte_order_mark_and_the_classes(run: Run, tmp_path: Path) -> None:
    table = tmp_path / "a.csv"
    assert main(["evaluate", str(run.model_path), str(run.dataset.root), "--csv", str(table)]) == 0
    assert table.read_bytes().startswith(b"\xef\xbb\xbfpath,label,predicted,")
    with open(table, newline="", encoding="utf-8-sig") as file:
        assert {row["label"].removeprefix("'") for row in csv.DictReader(file)} == set(NAMES)


@pytest.mark.parametrize("mode", ["copy", "move", "link"])
def test_images_of_each_class_are_sorted_apart_from_those_to_review_and_restored(
    run: Run, images: Path, labels: dict[str, str | None], tmp_path: Path, capsys: pytest.CaptureFixture[str], mode: str
) -> None:
    out = tmp_path / "out"
    before = {path: path.read_bytes() for path in images.rglob("*.*")}
    arguments = ["--out", str(out), "--mode", mode, "--max-error", "1", "--json"]
    assert main(["sort", str(run.model_path), str(images), *arguments]) == 0
    result = json.loads(capsys.readouterr().out)
    assert result["review_folder"] == "_review"
    assert sum(result["num_per_folder"].values()) == sum(label is not None for label in labels.values())
    folder_of_source = {}
    for line in (out / UNDO_NAME).read_text("utf-8").splitlines()[1:]:
        entry = json.loads(line)
        if "source" in entry:
            folder_of_source[str(images / entry["source"])] = entry["target"].rpartition("/")[0]
    folders = {folder: labels[path] for path, folder in folder_of_source.items() if folder != "_review"}
    assert len(folders) == len(set(folders.values()))  # each folder has the images of one class
    assert all(folders[folder] == labels[path] for path, folder in folder_of_source.items() if folder != "_review")
    assert main(["sort", "--undo", str(out)]) == 0
    assert {path: path.read_bytes() for path in images.rglob("*.*")} == before
    assert not out.exists()


def test_the_exported_script_gives_the_labels_of_the_program(
    run: Run, images: Path, labels: dict[str, str | None], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["export", str(run.model_path), "--out", str(tmp_path / "a.onnx")]) == 0
    capsys.readouterr()
    assert runpy.run_path(str(tmp_path / "predict.py"))["main"]([str(images)]) == 1  # one image cannot be read
    rows = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert {row["path"]: row["label"] for row in rows} == labels
    assert {row["decision"] for row in rows} <= {"accepted", "unsure", "unknown", None}


@pytest.mark.allow_hosts(["127.0.0.1"])
def test_the_server_gives_the_labels_of_the_program(run: Run, images: Path, labels: dict[str, str | None]) -> None:
    work = jobs.serve(run.model_path, 0, max_error=None)
    port = int(next(event.url for event in work if isinstance(event, Serving)).rsplit(":", 1)[1])
    try:
        for path in (images / "a" / "000.png", images / "b" / "001.png"):
            with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=60)) as connection:
                connection.request("POST", "/predict", path.read_bytes())
                document = json.loads(connection.getresponse().read())
            assert document["label"] == labels[str(path)]
            assert document["decision"] in ("accepted", "unknown")
            with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=60)) as connection:
                connection.request("GET", "/model")
                assert set(json.loads(connection.getresponse().read())["classes"]) == set(NAMES)
    finally:
        work.close()
