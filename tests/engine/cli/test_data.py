"""Tests of the subcommand scan and of the split that training draws."""

import json
import shutil
from pathlib import Path

import pytest

from engine import jobs
from engine.audit.findings import Audit
from engine.cli.main import main
from engine.config.settings import DataConfig
from engine.core.event_stream import run_to_end
from engine.data.dataset import scan
from tests.images import draw_scene, truncate_file


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A folder with its own split, a leak, a conflict, an unreadable file and unequal classes."""
    root = tmp_path / "data"
    for number in range(16):
        path = root / "train" / ("ant" if number < 12 else "bee") / f"{number:02}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        draw_scene(number).save(path)
    for name, number in (("ant", 50), ("bee", 51)):
        (root / "val" / name).mkdir(parents=True)
        draw_scene(number).save(root / "val" / name / "x.png")
    draw_scene(0).save(root / "val" / "ant" / "leak.jpg", quality=60)
    shutil.copyfile(root / "train" / "ant" / "01.png", root / "train" / "bee" / "conflict.png")
    truncate_file(root / "train" / "ant" / "02.png")
    return root


def test_scan_lists_conflicting_labels_before_leaks(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["scan", str(data)]) == 0
    lines = capsys.readouterr().out.splitlines()
    duplicates = [line for line in lines if line.startswith("duplicates (")]
    assert duplicates == [
        "duplicates (exact, conflicting labels): train/ant/01.png and train/bee/conflict.png",
        "duplicates (near, leak: in both training and validation): train/ant/00.png and val/ant/leak.jpg",
    ]
    (total,) = [line for line in lines if "groups of duplicates" in line]
    assert total.startswith("20 images in 2 classes, 1 unreadable, 2 groups of duplicates (1 exact, 1 near;")
    assert any(line.startswith("unreadable: train/ant/02.png: ") for line in lines)


def test_the_json_of_scan_contains_the_whole_audit(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["scan", str(data), "--json"]) == 0
    result = json.loads(capsys.readouterr().out)
    audit = Audit.model_validate({name: result[name] for name in Audit.model_fields})
    assert audit.imbalance == 11 / 5
    assert [(group.is_conflict, group.crosses_splits) for group in audit.duplicates] == [(False, True), (True, False)]
    assert result["classes"]["ant"]["images"] == 14


def test_imbalance_above_three_to_one_is_reported_with_a_remedy(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for number in range(13, 16):
        (data / "train" / "bee" / f"{number:02}.png").unlink()
    assert main(["scan", str(data)]) == 0
    (line,) = [line for line in capsys.readouterr().out.splitlines() if line.startswith("imbalance: ")]
    assert "5.5 times" in line
    assert "draws each class equally often" in line


def test_training_keeps_duplicates_in_one_split_unless_the_setting_is_off(tmp_path: Path) -> None:
    root = tmp_path / "data"
    for number in range(20):
        for name in ("a", "b"):
            path = root / ("ant" if number % 2 else "bee") / f"{number:02}{name}.jpg"
            path.parent.mkdir(parents=True, exist_ok=True)
            draw_scene(number).save(path, quality=90 if name == "a" else 60)
    tiny = [
        "--model.backbone",
        "se_resnet",
        "--data.image-size",
        "16",
        "--training.epochs",
        "1",
        "--training.batch-size",
        "8",
    ]
    assert main(["train", str(root), "--out", str(tmp_path / "run"), *tiny]) == 0
    files = json.loads((tmp_path / "run" / "split.json").read_text("utf-8"))["files"]
    assert _num_divided_groups([(entry["path"], entry["split"]) for entry in files]) == 0
    assert sum(entry["split"] == "val" for entry in files) == 8
    assert len({entry["group"] for entry in files}) == 20
    parts = run_to_end(jobs.split(scan(root), DataConfig(group_duplicates=False, group_by="none")))
    assert _num_divided_groups([(sample.path, sample.split) for sample in parts.samples]) > 0


def _num_divided_groups(rows: list[tuple[str, str]]) -> int:
    sides: dict[str, set[str]] = {}
    for path, part in rows:
        sides.setdefault(path[:-5], set()).add(part)
    return sum(len(side) > 1 for side in sides.values())
