"""Tests that the documentation names only files, modules, commands and settings that exist."""

import re
from pathlib import Path

import pytest

from engine.cli.main import _build_app
from engine.config.settings import RunConfig

ROOT = Path(__file__).parents[1]
DOCS = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]
PACKAGES = ("engine", "gui", "tests", "benchmarks")
SUBCOMMANDS = {name.replace("_", "-") for name in _build_app(RunConfig(), ())._subcommands}

each_document = pytest.mark.parametrize("doc", DOCS, ids=lambda path: path.relative_to(ROOT).as_posix())


def _find(pattern: str, doc: Path) -> list[str]:
    return re.findall(pattern, doc.read_text(encoding="utf-8"))


def _is_module(name: str) -> bool:
    path = ROOT / name.replace(".", "/")
    return path.with_suffix(".py").is_file() or (path / "__init__.py").is_file()


@each_document
def test_paths_exist(doc: Path) -> None:
    paths = _find(r"(?<![\w./-])(?:engine|gui|tests|benchmarks|resources|docs|\.ci)/[\w./-]*[\w/]", doc)
    assert [path for path in paths if not (ROOT / path).exists()] == []


@each_document
def test_python_files_exist(doc: Path) -> None:
    names = {path.name for package in (*PACKAGES, "resources") for path in (ROOT / package).rglob("*.py")}
    assert [name for name in _find(r"`(\w+\.py)`", doc) if name not in names] == []


@each_document
def test_modules_exist(doc: Path) -> None:
    modules = _find(rf"\b(?:{'|'.join(PACKAGES)})(?:\.[a-z_]\w*)+", doc)
    assert [name for name in modules if not _is_module(name)] == []


@each_document
def test_links_lead_to_files(doc: Path) -> None:
    links = [link for link in _find(r"\]\(([^)#\s]+)\)", doc) if not link.startswith("http")]
    assert [link for link in links if not (doc.parent / link).exists()] == []


@each_document
def test_commands_exist(doc: Path) -> None:
    assert set(_find(r"classifold(?:-cli)? ([a-z][a-z-]*)", doc)) <= SUBCOMMANDS


@each_document
def test_settings_exist(doc: Path) -> None:
    for section, name in _find(r"--(\w+)\.([\w-]+)", doc):
        fields = type(getattr(RunConfig(), section)).model_fields
        assert name.replace("-", "_") in fields, f"--{section}.{name}"


def test_the_glossary_equals_that_of_the_window() -> None:
    glossary = (ROOT / "resources" / "glossary.md").read_text(encoding="utf-8")
    assert (ROOT / "docs" / "glossary.md").read_text(encoding="utf-8") == glossary
