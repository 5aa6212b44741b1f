"""Tests of engine.jobs.base."""

import os
import subprocess
import sys
from pathlib import Path

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


def test_a_job_says_that_torch_is_loaded_before_it_is_and_only_in_the_first_job_of_a_process() -> None:
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-c", LIST_EVENTS]
    process = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    assert process.stdout.splitlines() == ["first load False True", "True True"]
