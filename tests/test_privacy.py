"""Tests that no test connects to the network, and that no command except a download opens a socket."""

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from tests.images import write_classes

WATCHED = """
import os, sys

def refuse(event, arguments):
    if event.startswith("socket.") and event != "socket.gethostname":
        os.write(2, f"{event} {arguments}\\n".encode())
        os._exit(99)

sys.addaudithook(refuse)
from engine.cli.main import main

code, model = 0, "run/model.safetensors"
for command in (
    "train data --out run --model.weights none --data.image-size 16 --training.epochs 1 --training.device cpu",
    f"predict {model} data --json",
    f"explain {model} data/red/000.png --out heatmap.png",
    "report run --out report.html",
):
    code = code or main(command.split())
"""


@pytest.mark.parametrize("host", ["192.0.2.1", "localhost", "example.org"])
def test_connections_to_any_host_are_blocked_in_tests(host: str) -> None:
    with pytest.raises(Warning, match="A test tried to use socket"):
        socket.create_connection((host, 9), timeout=1)


@pytest.mark.allow_hosts(["127.0.0.1"])
def test_a_test_that_allows_this_machine_cannot_reach_others() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        socket.create_connection(("127.0.0.1", server.getsockname()[1])).close()
    with pytest.raises(Warning, match=r"192\.0\.2\.1"):
        socket.create_connection(("192.0.2.1", 9), timeout=1)


@pytest.mark.slow
def test_train_predict_explain_and_report_open_no_socket(tmp_path: Path) -> None:
    write_classes(tmp_path / "data", {"red": 8, "blue": 8})
    process = _run_watched(WATCHED + "sys.exit(code)", tmp_path)
    assert process.returncode == 0, process.stderr
    assert (tmp_path / "report.html").is_file()


def test_the_audit_hook_ends_a_process_that_opens_a_socket(tmp_path: Path) -> None:
    process = _run_watched(WATCHED.split("code,")[0] + "import socket; socket.socket()", tmp_path)
    assert (process.returncode, process.stderr.split()[0]) == (99, "socket.__new__")


def _run_watched(code: str, folder: Path) -> "subprocess.CompletedProcess[str]":
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).parents[1])}
    command = [sys.executable, "-c", code]
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
