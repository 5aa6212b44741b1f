"""Tests of engine.jobs.base."""

import os
import subprocess
import sys
from pathlib import Path

from tests.images import write_classes

ROOT = Path(__file__).parents[3]
LIST_EVENTS = """
import gc, sys
from engine import jobs

def run(name, job):
    for event in job:
        print(name, event.stage, "torch" in sys.modules, gc.isenabled())

run("first", jobs.summarize("se_resnet", 2, 32))
print("torch" in sys.modules, gc.isenabled())
run("second", jobs.summarize("se_resnet", 2, 32))
"""
LIST_RESULTS = """
import sys
from pathlib import Path
from engine import jobs
from engine.config.settings import RunConfig
from engine.core.events import CandidateDone, Progress
from engine.data.dataset import scan
from engine.data.splits import split

root = Path(sys.argv[1])
config = RunConfig().changed("data", image_size=32).changed("training", budget="1s")
config = config.changed("model", backbone="efficientnet_lite0", weights="default")
for event in jobs.train(split(scan(root), 0.25, 0), config, root.parent / "run"):
    if isinstance(event, CandidateDone) or (isinstance(event, Progress) and event.stage == "load"):
        print(type(event).__name__, "torch" in sys.modules, "torch._dynamo" in sys.modules)
"""


def test_the_first_result_of_a_time_budget_does_not_wait_for_the_compiler_that_optimizers_import(
    tmp_path: Path,
) -> None:
    root = write_classes(tmp_path / "data", {"red": 4, "blue": 4})
    results = _run(LIST_RESULTS, str(root))
    assert results[:2] == ["Progress False False", "CandidateDone True False"]
    assert results[2:] in ([], ["Progress True False", *results[3:]])


def test_a_job_says_that_torch_is_loaded_before_it_is_and_only_in_the_first_job_of_a_process() -> None:
    assert _run(LIST_EVENTS) == ["first load False True", "True True"]


def _run(script: str, *arguments: str) -> list[str]:
    """Run a script in a process of its own; return the lines that it prints."""
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-c", script, *arguments]
    process = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    return process.stdout.splitlines()
