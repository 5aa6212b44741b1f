"""Tests of one run on two processes, started as torchrun starts them, over gloo on the CPU."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from engine import jobs
from engine.core.errors import EngineError
from engine.core.events import EpochDone
from engine.runs.run_folder import Run
from tests.images import write_classes

# With a high learning rate rounding errors grow in networks without norms, and rounding depends on the processor
FLAGS = [
    *(
        "--model.weights",
        "none",
        "--data.image-size",
        "32",
        "--training.epochs",
        "3",
        "--training.batch-size",
        "8",
        "--training.device",
        "cpu",
    ),
    *("--training.precision", "float32", "--model.dropout", "0", "--optim.lr", "1e-3"),
]


def _command(num_processes: int, *arguments: str, program: tuple[str, ...] = ("-m", "engine")) -> list[str]:
    launcher = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", str(num_processes)]
    return [sys.executable, *(launcher if num_processes > 1 else ()), *program, *arguments]


def _environment() -> dict[str, str]:
    return os.environ | {"OMP_NUM_THREADS": "1"}


def _run(num_processes: int, *arguments: str, program: tuple[str, ...] = ("-m", "engine")) -> str:
    """Run a program on a number of processes and return its output."""
    command = _command(num_processes, *arguments, program=program)
    result = subprocess.run(command, env=_environment(), capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr[-3000:]
    return result.stdout


def _epochs(run: Path) -> list[EpochDone]:
    return [event for event in Run(run).events() if isinstance(event, EpochDone)]


@pytest.mark.slow
@pytest.mark.parametrize("backbone", ["se_resnet", "squeezenet1_1"])
def test_two_processes_give_the_metrics_of_one_at_the_same_global_batch_size(tmp_path: Path, backbone: str) -> None:
    data = write_classes(tmp_path / "data", {"red": 13, "green": 12, "blue": 12})
    for num_processes in (1, 2):
        out = str(tmp_path / str(num_processes))
        _run(num_processes, "train", str(data), "--out", out, *FLAGS, "--model.backbone", backbone)
    alone, together = _epochs(tmp_path / "1"), _epochs(tmp_path / "2")
    assert len(alone) == len(together) == 3
    for one, two in zip(alone, together):
        assert two.train.loss == pytest.approx(one.train.loss, abs=1e-3)
        assert two.val.loss == pytest.approx(one.val.loss, abs=1e-3)
        assert (two.train.accuracy, two.val.accuracy) == (one.train.accuracy, one.val.accuracy)


COUNT_THREADS_AFTER_TRAINING = """
import os
from engine.cli.main import main
assert main() == 0
print("threads:", len(os.listdir("/proc/self/task")))
"""


@pytest.mark.skipif(sys.platform != "linux", reason="threads are listed in /proc")
@pytest.mark.slow
def test_no_thread_of_the_process_group_is_left_after_training(tmp_path: Path) -> None:
    data = write_classes(tmp_path / "data", {"red": 8, "blue": 8})
    script = tmp_path / "train.py"
    script.write_text(COUNT_THREADS_AFTER_TRAINING)
    output = _run(2, "train", str(data), "--out", str(tmp_path / "run"), *FLAGS, program=(str(script),))
    assert output.splitlines().count("threads: 1") == 2, output


@pytest.mark.skipif(os.name == "nt", reason="processes are found and killed with POSIX tools")
@pytest.mark.slow
def test_a_run_resumes_after_one_of_its_processes_was_killed(tmp_path: Path) -> None:
    data = write_classes(tmp_path / "data", {"red": 13, "green": 12, "blue": 12})
    flags = [*FLAGS, "--training.epochs", "12", "--training.checkpoint-minutes", "0"]
    _run(2, "train", str(data), "--out", str(tmp_path / "alone"), *flags)
    out = tmp_path / "run"
    command = _command(2, "train", str(data), "--out", str(out), *flags)
    launcher = subprocess.Popen(
        command, env=_environment(), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
    )
    try:
        deadline = time.monotonic() + 100
        while not Run(out).checkpoint_path.is_file() and time.monotonic() < deadline:
            time.sleep(0.02)  # there is no event for the creation of a file
        workers = subprocess.check_output(["pgrep", "-P", str(launcher.pid)], text=True).split()
        os.kill(int(workers[-1]), signal.SIGKILL)
        assert launcher.wait(100) != 0
    finally:
        if launcher.poll() is None:
            os.killpg(launcher.pid, signal.SIGKILL)
    num_before = len(_epochs(out))
    assert num_before < 12
    _run(2, "resume", str(out))
    epochs = _epochs(out)
    assert sorted({event.epoch for event in epochs}) == list(range(1, 13))
    assert len(epochs) <= 13, "it started from the beginning"
    assert not Run(out).checkpoint_path.exists()
    for one, two in zip(Run(tmp_path / "alone").history.epochs, Run(out).history.epochs, strict=True):
        assert two.train.loss == pytest.approx(one.train.loss, rel=1e-4)
        assert two.val.loss == pytest.approx(one.val.loss, rel=1e-4)


def test_a_finished_run_cannot_be_resumed(tmp_path: Path) -> None:
    data = write_classes(tmp_path / "data", {"red": 8, "blue": 8})
    _run(1, "train", str(data), "--out", str(tmp_path / "run"), *FLAGS)
    with pytest.raises(EngineError, match="cannot be resumed"):
        next(jobs.resume(tmp_path / "run"))
