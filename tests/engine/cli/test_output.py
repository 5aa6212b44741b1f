"""Tests of what the command line prints on stdout."""

import io
import json
import sys
from pathlib import Path

import pytest

from engine.cli.main import main
from engine.cli.output import print_event_json
from engine.core.events import Warned
from tests.images import write_classes


@pytest.mark.parametrize("encoding", ["utf-8", "cp1252", "ascii", "utf-16", "cp932"])
def test_json_lines_are_utf8_whatever_the_encoding_of_the_console(
    encoding: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = "Löwe 獅子 \U0001f981"
    data = write_classes(tmp_path / "data", {name: 2, "b": 2})
    raw = io.BytesIO()
    stream = io.TextIOWrapper(raw, encoding=encoding)
    monkeypatch.setattr(sys, "stdout", stream)
    assert main(["scan", str(data), "--json"]) == 0
    print_event_json(Warned(message=f"{name} \x1b"))
    stream.flush()
    scanned, warned = map(json.loads, raw.getvalue().decode("utf-8").splitlines())
    assert name in scanned["classes"]
    assert warned["message"] == f"{name} \x1b"
