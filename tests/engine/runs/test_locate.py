"""Tests of paths that cannot be read or lead to nothing where a run or a model is needed."""

from collections.abc import Callable
from pathlib import Path

import pytest

from engine.core.errors import EngineError
from engine.runs.locate import locate_model, locate_run

LOCATE = pytest.mark.parametrize("locate", [locate_run, locate_model])


@LOCATE
@pytest.mark.parametrize("is_folder", [False, True])
def test_a_path_that_may_not_be_read_is_said_to_be_so(
    locate: Callable[[Path], object], is_folder: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "private"
    path.mkdir() if is_folder else path.write_text("secret")
    monkeypatch.setattr("os.access", lambda *_: False)
    with pytest.raises(EngineError, match="You may not read this"):
        locate(path)


@LOCATE
@pytest.mark.usefixtures("symlinks")
def test_a_link_to_nothing_is_said_to_be_one(locate: Callable[[Path], object], tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(tmp_path / "gone")
    with pytest.raises(EngineError, match="This link leads to nothing"):
        locate(tmp_path / "link")


def test_a_folder_with_a_model_alone_is_a_model_and_no_run(tmp_path: Path) -> None:
    (tmp_path / "model.safetensors").write_bytes(b"")
    assert locate_model(tmp_path) == tmp_path / "model.safetensors"
    with pytest.raises(EngineError, match="holds a model but not the other files of its run"):
        locate_run(tmp_path)
