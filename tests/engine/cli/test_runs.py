"""Tests of the list of backbones on the command line."""

import json

import pytest

from engine.cli.main import main
from engine.config.backbones import BACKBONES
from engine.config.local_weights import weights_path


@pytest.fixture(autouse=True)
def no_downloads(tmp_path, monkeypatch):  # type: ignore[no-untyped-def]
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))


def _lines(capsys, *arguments: str) -> dict[str, str]:  # type: ignore[no-untyped-def]
    assert main(["backbones", *arguments]) == 0
    return dict(zip(BACKBONES, capsys.readouterr().out.splitlines(), strict=True))


def test_the_list_of_backbones_tells_where_the_weights_are(capsys) -> None:  # type: ignore[no-untyped-def]
    path = weights_path(BACKBONES["resnet18"])
    path.parent.mkdir(parents=True)
    path.touch()
    lines = _lines(capsys)
    assert lines["efficientnet_lite0"].endswith("  included")
    assert lines["resnet18"].endswith("  on this computer")
    assert lines["mobilenet_v2"].replace("\xa0", " ").endswith("  download 14 MB")
    assert lines["vit_h_14"].replace("\xa0", " ").endswith("  download 2.4 GB, not for commercial use")
    assert lines["se_resnet"].endswith("  -")


def test_the_json_list_of_backbones_has_the_origin_of_the_weights(capsys) -> None:  # type: ignore[no-untyped-def]
    rows = {name: json.loads(line) for name, line in _lines(capsys, "--json").items()}
    assert [name for name, row in rows.items() if row["included"]] == ["efficientnet_lite0"]
    assert "Apache-2.0" in rows["efficientnet_lite0"]["weights"]
    assert rows["resnet18"]["weights"] == "resnet18 (ImageNet weights of torchvision, resnet18-f37072fd.pth)"
