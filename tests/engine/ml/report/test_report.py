"""Tests of the HTML report of a run."""

import base64
import io
import json
import re
import shutil
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from engine import jobs
from engine.cli.main import main
from engine.core.errors import EngineError
from engine.core.event_stream import run_to_end
from engine.core.formatting import percent
from engine.data.dataset import scan
from engine.data.label_overrides import append_decision
from engine.data.splits import split
from engine.ml.report.embedded_images import heat_map_url
from engine.ml.report.tables import MAX_MATRIX_CLASSES, matrix_rows, most_confused
from engine.results.evaluation import read_evaluation, write_evaluation
from engine.results.explanation import Box, Explanation
from engine.runs.image_folder import move_images
from engine.runs.run_folder import Run
from tests.images import write_classes
from tests.scratch_config import scratch_config

HEADINGS = [
    "Validation accuracy",
    "Run summary",
    "Training history",
    "Test accuracy",
    "Confusion matrix",
    "Precision, recall and F1",
    "Misclassified images",
    "Calibration",
    "Maximum error rate",
    "Out-of-distribution detection",
    "Explanations",
    "Dataset",
    "Suspected wrong labels",
    "Learning curve",
    "Robustness",
]
MARKUP = "<script>alert(1)"
SECRET = "52.5163 north, at home"
_VOID = {"meta", "img", "br"}


class Page(HTMLParser):
    """Strict HTML parser: every tag must be closed in order."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.headings: list[str] = []
        self.text = ""
        self._open: list[str] = []
        self.feed(text)
        self.close()
        assert not self._open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in _VOID:
            self._open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self._open and self._open[-1] == "h2":
            self.headings.append(data)
        if "style" not in self._open:
            self.text += data

    @property
    def sources(self) -> list[str]:
        return [attrs["src"] or "" for _, attrs in self.tags if "src" in attrs]


def _words(page: Page) -> str:
    return " ".join(page.text.split())


def _add_gps(root: Path) -> None:
    """Convert every image to a JPEG with GPS position and description in its EXIF data."""
    exif = Image.Exif()
    exif[0x010E] = SECRET
    exif[0x8825] = {1: "N", 2: (52.0, 30.0, 58.7), 3: "E", 4: (13.0, 22.0, 39.2)}
    for path in sorted(root.rglob("*.png")):
        Image.open(path).save(path.with_suffix(".jpg"), exif=exif)
        path.unlink()


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Run]:
    """A run on four classes; the first and the last look the same, and one name contains markup."""
    folder = tmp_path_factory.mktemp("report")
    root = write_classes(folder / "people's & pictures", dict.fromkeys((MARKUP, "second", "third", "<i>fourth"), 10))
    _add_gps(root)
    shutil.copy(root / MARKUP / "000.jpg", root / "second" / "copy.jpg")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CLASSIFOLD_HOME", str(folder / "home"))
        data = scan(root)
        config = scratch_config().changed("data", image_size=16).changed("optim", lr=5e-3)
        config = config.changed("training", epochs=3, batch_size=8, device="cpu", precision="float32")
        yield run_to_end(jobs.train(split(data, 0.4, 0), config, folder / "run"))


@pytest.fixture(scope="module")
def text(run: Run) -> str:
    """The HTML report of the run."""
    path = run.path.parent / "report.html"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CLASSIFOLD_HOME", str(run.path.parent / "home"))
        assert main(["report", str(run.path), "--out", str(path)]) == 0
    return path.read_text(encoding="utf-8")


def test_the_report_has_all_sections_in_order(text: str, run: Run) -> None:
    page = Page(text)
    assert page.headings == HEADINGS
    linked = [attrs["href"] for tag, attrs in page.tags if tag == "a"]
    assert linked == [f"#{attrs['id']}" for tag, attrs in page.tags if tag == "section"]
    assert run.robustness_path.is_file()
    assert (run.path / "growth.json").is_file()


def test_the_numbers_are_those_of_the_evaluation(text: str, run: Run) -> None:
    evaluation = read_evaluation(run.results_path)
    page = _words(Page(text))
    low, high = evaluation.interval
    accuracy, low_text, high_text = (
        percent(share, 1).replace("\xa0", " ") for share in (evaluation.accuracy, low, high)
    )
    assert f"{accuracy} (95 % CI {low_text}–{high_text})" in page
    assert f"Macro F1: {evaluation.macro_f1:.3f}" in page
    assert evaluation.misclassified
    worst = evaluation.misclassified[0]
    assert f"{worst.label} → {worst.predicted}, {percent(worst.confidence)}".replace("\xa0", " ") in page
    assert f"{MARKUP}/000.jpg and second/copy.jpg" in page


def test_the_report_has_no_external_resources_and_no_scripts(text: str) -> None:
    page = Page(text)
    assert len(page.sources) > 12
    assert all(source.startswith("data:image/") for source in page.sources)
    assert not {"script", "link", "iframe", "object", "embed"} & {tag for tag, _ in page.tags}
    assert not re.search(r"https?://|@import|url\(|javascript:", text)
    assert not [name for _, attrs in page.tags for name in attrs if name.startswith("on")]


def test_names_are_escaped(text: str) -> None:
    page = Page(text)
    assert MARKUP in page.text
    assert "&lt;script&gt;alert(1)" in text
    assert "<script" not in text
    assert "i" not in [tag for tag, attrs in page.tags if "style" not in attrs]
    assert "people's & pictures" in page.text


def test_images_have_no_exif_data(text: str, run: Run) -> None:
    original = next(run.dataset.root.rglob("*.jpg"))
    assert SECRET.encode() in original.read_bytes()
    contents = [base64.b64decode(source.split(",", 1)[1]) for source in Page(text).sources]
    jpegs = [content for content in contents if content.startswith(b"\xff\xd8")]
    assert len(jpegs) > 12
    assert all(SECRET.encode() not in content and b"Exif" not in content for content in contents)
    assert not any(Image.open(io.BytesIO(content)).getexif() for content in jpegs)


def test_no_path_outside_the_dataset_is_published(text: str, run: Run) -> None:
    content = text + "".join(
        base64.b64decode(source.split(",", 1)[1]).decode("latin-1") for source in Page(text).sources
    )
    assert str(run.path.parent) not in content
    assert run.path.parent.parent.name not in content


@pytest.mark.parametrize("is_folder_left", [False, True])
def test_a_run_without_its_images_has_a_report(run: Run, tmp_path: Path, is_folder_left: bool) -> None:
    moved, missing = Run(tmp_path / "run"), tmp_path / "gone"
    shutil.copytree(run.path, moved.path, ignore=shutil.ignore_patterns("growth.json", "robustness.json"))
    document = json.loads(moved.split_path.read_text("utf-8")) | {"root": str(missing)}
    moved.split_path.write_text(json.dumps(document))
    write_evaluation(read_evaluation(run.results_path), moved.test_path)
    if is_folder_left:
        missing.mkdir()
    page = Page(run_to_end(jobs.report(moved, tmp_path / "report.html")).read_text(encoding="utf-8"))
    assert page.headings == HEADINGS
    words = _words(page)
    assert words.count("The images are no longer in the folder that the model was trained on") == 3
    assert words.count("so only their names are listed") == 1
    assert words.count("Connect their drive") == 2
    assert "The test images were evaluated once, on 20" in words
    assert "Evaluated at the end of training (20" in words
    assert all(source.startswith("data:image/svg+xml") for source in page.sources)


def test_corrections_after_training_are_in_the_report(run: Run, tmp_path: Path) -> None:
    changed, data = Run(tmp_path / "run"), tmp_path / "data"
    shutil.copytree(run.path, changed.path)
    shutil.copytree(run.dataset.root, data)
    move_images(changed, data)
    evaluation = read_evaluation(changed.results_path)
    wrong = evaluation.misclassified[0]
    append_decision(data, wrong.path, "relabel", wrong.predicted)
    text = run_to_end(jobs.report(changed, tmp_path / "report.html")).read_text(encoding="utf-8")
    num_images, num_correct = len(evaluation.images), int(evaluation.is_right.sum())
    words = _words(Page(text)).replace("\xa0", " ")
    assert f"{num_correct + 1} of {num_images} validation images are classified correctly" in words
    assert f"it was {percent(evaluation.accuracy, 1)} of {num_images} images".replace("\xa0", " ") in words


def test_the_report_of_a_stopped_run_gives_the_reason_for_missing_sections(run: Run, tmp_path: Path) -> None:
    stopped = Run(tmp_path / "run")
    shutil.copytree(run.path, stopped.path)
    evaluation = read_evaluation(run.results_path)
    unseen = evaluation.per_class[0].model_copy(update={"num_images": 0})
    never = tuple((*(1 for _ in row[:-1]), 0) for row in evaluation.confusion)
    changes = {"calibration": None, "per_class": (unseen, *evaluation.per_class[1:]), "confusion": never}
    write_evaluation(evaluation.model_copy(update=changes), stopped.results_path)
    stopped.events_path.unlink()
    page = Page(run_to_end(jobs.report(stopped, tmp_path / "report.html")).read_text(encoding="utf-8"))
    words = _words(page)
    assert page.headings == HEADINGS
    assert "The event log of this run is missing" in words
    assert "no validation images" in words
    assert words.count("never predicted") == 1
    assert words.count("because training was stopped before its end") == 2


def test_many_classes_have_a_list_of_confusions_instead_of_a_matrix(run: Run) -> None:
    names = tuple(f"kind {number}" for number in range(MAX_MATRIX_CLASSES + 1))
    counts = np.diag(np.full(len(names), 9))
    counts[2, 5], counts[7, 1] = 3, 4
    confusion = tuple(map(tuple, counts.tolist()))
    evaluation = read_evaluation(run.results_path).model_copy(update={"classes": names, "confusion": confusion})
    assert matrix_rows(evaluation) == []
    assert most_confused(evaluation) == [("kind 7", "kind 1", 4), ("kind 2", "kind 5", 3)]


def test_missing_results_and_a_missing_folder_raise_errors(
    run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["report", str(run.path), "--out", str(tmp_path / "none" / "report.html")]) == 1
    assert "The folder for the report does not exist." in capsys.readouterr().err
    shutil.copytree(run.path, tmp_path / "run", ignore=shutil.ignore_patterns("results.json"))
    with pytest.raises(EngineError, match="results of this run are missing"):
        run_to_end(jobs.report(Run(tmp_path / "run"), tmp_path / "report.html"))


def test_the_heat_map_is_placed_in_the_visible_box() -> None:
    heat = np.zeros((8, 8), np.float32)
    heat[:4, :4] = 1
    # The visible box is the centre square of a wide image
    explanation = Explanation("x.png", "bee", "bee", 1.0, heat, Box(0.25, 0, 0.75, 1))
    url = heat_map_url(explanation, np.full((100, 200, 3), 60, np.uint8))
    pixels = np.asarray(Image.open(io.BytesIO(base64.b64decode(url.split(",")[1]))), np.float32)
    assert pixels[10:40, 60:90].mean() > 130
    assert pixels[60:, :].mean() == pytest.approx(60, abs=4)
    assert pixels[:, :45].mean() == pytest.approx(60, abs=4)
