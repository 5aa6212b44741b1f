"""Tests of one run on two processes, started as torchrun starts them, over gloo on the CPU."""

import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from engine.events import EpochDone
from engine.runs import Run
from tests.pictures import write_classes

FLAGS = [
    "--data.image-size",
    "32",
    "--training.epochs",
    "3",
    "--training.batch-size",
    "8",
    "--training.device",
    "cpu",
    "--training.precision",
    "float32",
    "--model.dropout",
    "0",
    "--optim.lr",
    "5e-3",
]


def _command(num_processes: int, data: Path, out: Path, *flags: str) -> list[str]:
    engine = ["-m", "engine", "train", str(data), "--out", str(out), *FLAGS, *flags]
    if num_processes == 1:
        return [sys.executable, *engine]
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    launcher = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node", str(num_processes)]
    return [*launcher, "--master-addr", "127.0.0.1", "--master-port", str(port), "--max-restarts", "2", *engine]


def _environment() -> dict[str, str]:
    return os.environ | {"OMP_NUM_THREADS": "1"}


def _train(num_processes: int, data: Path, out: Path, *flags: str) -> list[EpochDone]:
    result = subprocess.run(
        _command(num_processes, data, out, *flags), env=_environment(), capture_output=True, text=True, check=False
    )
    assert result.returncode == 0, result.stderr[-3000:]
    return [event for event in Run(out).events() if isinstance(event, EpochDone)]


@pytest.mark.parametrize("backbone", ["se_resnet", "squeezenet1_1"])
def test_two_processes_give_the_metrics_of_one_at_an_equal_global_batch(tmp_path: Path, backbone: str) -> None:
    data = write_classes(tmp_path / "data", {"red": 13, "green": 12, "blue": 12})
    flags = ("--model.backbone", backbone)
    alone = _train(1, data, tmp_path / "alone", *flags)
    together = _train(2, data, tmp_path / "together", *flags)
    assert len(alone) == len(together) == 3
    for one, two in zip(alone, together):
        assert two.train.loss == pytest.approx(one.train.loss, abs=1e-3)
        assert two.val.loss == pytest.approx(one.val.loss, abs=1e-3)
        assert (two.train.accuracy, two.val.accuracy) == (one.train.accuracy, one.val.accuracy)


def test_a_run_goes_on_behind_its_last_epoch_when_a_process_was_killed(tmp_path: Path) -> None:
    data = write_classes(tmp_path / "data", {"red": 13, "green": 12, "blue": 12})
    whole = _train(1, data, tmp_path / "whole", "--training.epochs", "40")
    out = tmp_path / "run"
    launcher = subprocess.Popen(
        _command(2, data, out, "--training.epochs", "40"),
        env=_environment(),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    )
    deadline = time.monotonic() + 200
    while not (out / "checkpoint.pt").is_file() and time.monotonic() < deadline:
        time.sleep(0.02)  # nothing tells another process that a file is there
    workers = subprocess.check_output(["pgrep", "-P", str(launcher.pid)], text=True).split()
    os.kill(int(workers[-1]), signal.SIGKILL)
    _, errors = launcher.communicate(timeout=250)
    assert launcher.returncode == 0, errors[-3000:]
    epochs = [event for event in Run(out).events() if isinstance(event, EpochDone)]
    assert sorted({event.epoch for event in epochs}) == list(range(1, 41))
    assert len(epochs) < 2 * 40, "the second start began anew"
    assert not (out / "checkpoint.pt").exists()
    last = Run(out).history.epochs[-1]
    assert last.val.loss == pytest.approx(whole[-1].val.loss, abs=2e-2)
