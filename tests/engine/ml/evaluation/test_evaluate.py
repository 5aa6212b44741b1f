"""Tests of evaluation on the test split."""

from pathlib import Path

from engine import jobs
from engine.core.event_stream import run_to_end
from engine.core.events import Event
from engine.data.dataset import scan
from tests.images import write_classes
from tests.scratch_config import scratch_config


def test_the_test_split_is_evaluated_once(tmp_path: Path) -> None:
    root = tmp_path / "with test"
    for part, seed in (("train", 1), ("val", 2), ("test", 3)):
        write_classes(root / part, {"red": 6, "blue": 6}, seed=seed)
    config = scratch_config().changed("data", image_size=32).changed("training", epochs=3, batch_size=8, device="cpu")
    tested = run_to_end(jobs.train(scan(root), config, tmp_path / "tested"))
    first = run_to_end(jobs.test(tested))
    assert {image.path.split("/")[0] for image in first.images} == {"test"}
    events: list[Event] = []
    (root / "test" / "red" / "000.png").unlink()
    assert run_to_end(jobs.test(tested), events.append) == first
    assert any("used only once" in getattr(event, "message", "") for event in events)
