"""Tests of the self-test."""

from pathlib import Path

import pytest

from engine import jobs
from engine.self_test import SelfTestError, try_engine
from gui.__main__ import main


def test_the_error_names_the_failed_part(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise ImportError("operator torchvision::nms does not exist")

    monkeypatch.setattr(jobs, "split_and_train", fail)
    with pytest.raises(
        SelfTestError, match="train two steps from the included network: ImportError: operator torchvision::nms"
    ):
        try_engine(tmp_path)


@pytest.mark.slow
@pytest.mark.allow_hosts(["127.0.0.1"])
def test_every_part_of_the_engine_is_used_once(tmp_path: Path) -> None:
    assert try_engine(tmp_path) == [
        "draw and decode images",
        "train two steps from the included network",
        "check the images",
        "load and predict",
        "build a network of torchvision",
        "explain",
        "write the report",
        "export",
        "sort",
        "serve",
    ]


def test_a_failed_self_test_prints_one_line_and_exits_with_1(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(_folder: Path) -> list[str]:
        raise SelfTestError("export: RuntimeError: no")

    monkeypatch.setattr("gui.self_test.try_engine", fail)
    monkeypatch.setenv("CLASSIFOLD_HOME", "")
    assert main(["--self-test"]) == 1
    assert capsys.readouterr().out == "The self-test failed. export: RuntimeError: no\n"
