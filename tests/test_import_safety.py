"""Tests that the program executes no module that lies in the current folder, such as a json.py among images."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from engine import jobs
from engine.core.event_stream import run_to_end
from engine.core.events import RunStarted
from engine.core.process import start_program
from engine.data.dataset import scan
from engine.data.splits import split
from engine.runs.run_folder import Run
from tests.engine.ml.export.exporting import CONFIG
from tests.images import write_classes

ROOT = Path(__file__).parents[1]
FILES = (
    *("json", "numpy", "torch", "torchvision", "PIL", "scipy", "sklearn", "matplotlib", "onnx", "onnxruntime"),
    *("random", "typing", "subprocess", "tempfile", "logging", "pathlib", "sitecustomize", "usercustomize"),
    *("pydantic", "rich", "tyro", "uvicorn", "starlette", "predict", "six", "PySide6", "setuptools"),
)
PACKAGES = ("engine", "gui", "resources", "safetensors")
COMMANDS = "import json, sys\nfrom gui.__main__ import main\ncodes = [main(each) for each in json.loads(sys.argv[1])]"


@pytest.fixture
def hostile(tmp_path: Path) -> Path:
    """Return a folder of modules that leave a trace in `tmp_path / "traces"` when they are executed."""
    folder, traces = tmp_path / "hostile", tmp_path / "traces"
    traces.mkdir()
    for name in (*FILES, *PACKAGES):
        path = folder / name / "__init__.py" if name in PACKAGES else folder / f"{name}.py"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"open({str(traces / name)!r}, 'w').close()\nraise SystemExit(9)\n", "utf-8")
    return folder


def traces(hostile: Path) -> list[str]:
    return sorted(os.listdir(hostile.parent / "traces"))


def test_the_traps_of_these_tests_are_live(hostile: Path) -> None:
    environment = os.environ | {"PYTHONPATH": str(hostile)}
    for name in (*FILES, *PACKAGES):
        subprocess.run([sys.executable, "-S", "-c", f"import {name}"], cwd=hostile, env=environment, check=False)
    subprocess.run([sys.executable, "-c", ""], cwd=hostile, env=environment, check=False)
    assert {"sitecustomize", "json", "numpy", "torch", "engine", "gui"} <= set(traces(hostile))


@pytest.mark.parametrize("variable", [None, "", os.pathsep, "."])
def test_a_process_of_the_program_executes_nothing_in_the_current_folder(
    hostile: Path, monkeypatch: pytest.MonkeyPatch, variable: str | None
) -> None:
    monkeypatch.chdir(hostile)
    monkeypatch.setattr(sys, "path", ["", ".", *sys.path, str(hostile)])
    if variable is None:
        monkeypatch.delenv("PYTHONPATH", raising=False)
    else:
        monkeypatch.setenv("PYTHONPATH", variable)
    with open(hostile.parent / "errors", "wb+") as errors:
        process = start_program("scan", str(hostile / "missing"), errors=errors)
        code = process.wait()
        errors.seek(0)
        assert (code, "This folder does not exist." in errors.read().decode()) == (1, True)
    assert traces(hostile) == []


@pytest.mark.slow
@pytest.mark.allow_hosts(["127.0.0.1"])
def test_no_command_executes_a_module_in_the_current_folder(hostile: Path, tmp_path: Path) -> None:
    data = write_classes(tmp_path / "data", {"red": 12, "blue": 12})
    run, stopped = tmp_path / "run", tmp_path / "stopped"
    run_to_end(jobs.train(split(scan(data), 0.3, 0), CONFIG, run))
    work = jobs.train(split(scan(data), 0.3, 0), CONFIG, stopped)
    next(event for event in work if isinstance(event, RunStarted))
    work.close()
    model = str(Run(run).model_path)
    image = str(next((data / "red").iterdir()))
    commands = [
        ["scan", str(data)],
        ["resume", str(stopped)],
        ["predict", model, image],
        ["sort", model, str(data), "--out", str(tmp_path / "sorted")],
        ["explain", model, image, "--out", str(tmp_path / "why.png")],
        ["report", str(run), "--out", str(tmp_path / "report.html")],
        ["export", model, "--out", str(tmp_path / "a.onnx")],
        ["export", model, "--out", str(tmp_path / "a.pt2"), "--format", "pt2"],
        ["dance"],
    ]
    command = _installed_program(tmp_path)
    done = subprocess.run([*command, json.dumps(commands)], cwd=hostile, capture_output=True, text=True, check=False)
    assert (done.stdout.splitlines()[-1], traces(hostile)) == ("0 0 0 0 0 0 0 0 2", []), done.stderr


@pytest.mark.slow
@pytest.mark.allow_hosts(["127.0.0.1"])
def test_serving_executes_no_module_in_the_current_folder(hostile: Path, tmp_path: Path) -> None:
    data = write_classes(tmp_path / "data", {"red": 12, "blue": 12})
    run_to_end(jobs.train(split(scan(data), 0.3, 0), CONFIG, tmp_path / "run"))
    arguments = json.dumps([["serve", str(Run(tmp_path / "run").model_path), "--port", "0"]])
    command = [*_installed_program(tmp_path), arguments]
    with subprocess.Popen(command, cwd=hostile, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        assert server.stdout.readline().startswith("http://127.0.0.1")
        server.terminate()
        assert server.stdout.readlines() == ["0\n"]
    assert traces(hostile) == []


def _installed_program(tmp_path: Path) -> list[str]:
    """Return the start of a command that runs several subcommands as the installed program does: by a script."""
    script = tmp_path / "bin" / "program"
    script.parent.mkdir()
    lines = ["import sys", f"sys.path.append({str(ROOT)!r})", COMMANDS, "print(*codes)"]
    script.write_text("\n".join(lines), "utf-8")
    return [sys.executable, str(script)]
