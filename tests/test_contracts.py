"""The import contracts of pyproject.toml find a breach of each rule in a copy of the sources."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
BREACHES = {
    "a lower layer imports a higher one": (
        "engine/core/breach.py",
        "import engine.data.dataset",
        "The window lies above the engine, and the engine is built in layers",
    ),
    "a layer beside another is imported": (
        "engine/audit/breach.py",
        "import engine.runs.history",
        "The window lies above the engine, and the engine is built in layers",
    ),
    "a new folder has no place in the layers": (
        "engine/helpers/__init__.py",
        "",
        "The window lies above the engine, and the engine is built in layers",
    ),
    "a lower layer of engine.ml imports a higher one": (
        "engine/ml/models/breach.py",
        "import engine.ml.training.step",
        "The layers of engine.ml",
    ),
    "the engine imports Qt": (
        "engine/jobs/breach.py",
        "import PySide6.QtCore",
        "The engine has no Qt and does not know the window",
    ),
    "the engine imports the window": (
        "engine/cli/breach.py",
        "import gui.theme",
        "The engine has no Qt and does not know the window",
    ),
    "the window imports torch": ("gui/breach.py", "import torch", "torch is imported in engine.ml alone"),
    "the command line imports engine.ml": (
        "engine/cli/breach.py",
        "import engine.ml.models.build",
        "torch is imported in engine.ml alone",
    ),
    "two files import each other": (
        "engine/core/breach.py",
        "import engine.core.breach_too",
        "No import cycles",
    ),
    "a page imports a page": ("gui/pages/breach.py", "import gui.pages.train_page", "Pages do not import pages"),
}


@pytest.fixture(scope="module")
def sources(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("sources")
    for name in ("engine", "gui", "resources"):
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", folder)
    return folder


def _broken_contracts(folder: Path) -> list[str]:
    command = [sys.executable, "-c", "from importlinter.cli import lint_imports_command; lint_imports_command()"]
    environment = os.environ | {"PYTHONPATH": str(folder)}
    result = subprocess.run([*command, "--no-cache"], cwd=folder, env=environment, capture_output=True, text=True)
    assert "Contracts:" in result.stdout, result.stdout + result.stderr
    return re.findall(r"^(.+) BROKEN", result.stdout, re.MULTILINE)


def test_the_sources_keep_all_contracts(sources: Path) -> None:
    assert _broken_contracts(sources) == []


@pytest.mark.parametrize("breach", BREACHES)
def test_a_planted_breach_is_found(sources: Path, breach: str) -> None:
    name, line, contract = BREACHES[breach]
    path = sources / name
    path.parent.mkdir(exist_ok=True)
    path.write_text(f'"""A file that breaks a rule."""\n\n{line}\n')
    other = sources / "engine" / "core" / "breach_too.py"
    other.write_text('"""A file that closes a cycle."""\n\nimport engine.core.breach\n')
    if breach != "two files import each other":
        other.unlink()
    try:
        assert contract in _broken_contracts(sources)
    finally:
        path.unlink()
        other.unlink(missing_ok=True)
        if not any(path.parent.iterdir()):
            path.parent.rmdir()
