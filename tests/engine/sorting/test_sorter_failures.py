"""Tests of images that cannot be sorted, or not under their names."""

import errno
import os
from pathlib import Path

import pytest

from engine.core.errors import EngineError
from engine.core.event_stream import run_to_end
from engine.core.events import Event
from engine.results.predictions import Prediction
from engine.sorting import sorter
from engine.sorting.file_transfer import LinksUnsupportedError, TransferMode
from engine.sorting.sorter import Sorter, files_to_sort, sort_predictions
from engine.sorting.undo import UndoResult, undo
from tests.engine.sorting.sorted_folders import MODES, make_prediction, read_tree, sort_folder, write_photos


def _fail_transfer_of(monkeypatch: pytest.MonkeyPatch, name: str, error: Exception) -> None:
    real = sorter.transfer_file

    def transfer(source: Path, target: Path, mode: TransferMode) -> None:
        if source.name == name:
            raise error
        real(source, target, mode)

    monkeypatch.setattr(sorter, "transfer_file", transfer)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("code", ["ENAMETOOLONG", "EACCES", "EIO", "EINVAL", "EEXIST", "ESTALE", "EBUSY", "ENOENT"])
def test_one_image_that_cannot_be_transferred_is_listed_and_the_rest_is_sorted(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mode: TransferMode, code: str
) -> None:
    before = read_tree(source)
    number = getattr(errno, code)
    _fail_transfer_of(monkeypatch, "b.jpg", OSError(number, os.strerror(number)))
    result = sort_folder(source, tmp_path / "out", mode)
    assert result.num_sorted == 3
    assert result.num_failed == 1
    ((path, reason),) = result.skipped
    assert Path(path).name == "b.jpg"
    assert os.strerror(number) in reason
    run_to_end(undo(result.undo_path))
    assert read_tree(source) == before


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EROFS, errno.EDQUOT])
def test_a_full_or_read_only_disk_ends_the_sort_with_one_sentence_and_undo_works(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mode: TransferMode, code: int
) -> None:
    before = read_tree(source)
    _fail_transfer_of(monkeypatch, "b.jpg", OSError(code, os.strerror(code)))
    with pytest.raises(EngineError, match="could not be saved") as caught:
        sort_folder(source, tmp_path / "out", mode)
    assert ("Free some space" in caught.value.message) == (code != errno.EROFS)
    run_to_end(undo(tmp_path / "out"))
    assert read_tree(source) == before
    assert not (tmp_path / "out").exists()


def test_a_target_without_links_ends_the_sort_only_if_no_image_could_be_linked(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        _fail_transfer_of(patch, "a.jpg", LinksUnsupportedError("No links."))
        with pytest.raises(EngineError, match="No links"):
            sort_folder(source, tmp_path / "none", "link")
    _fail_transfer_of(monkeypatch, "c.png", LinksUnsupportedError("No links."))
    result = sort_folder(source, tmp_path / "out", "link")
    assert (result.num_sorted, result.num_failed) == (3, 1)


def test_an_image_deleted_meanwhile_is_skipped_and_the_rest_is_sorted(source: Path, tmp_path: Path) -> None:
    before = read_tree(source)
    before.pop("b.jpg")

    def predict(path: Path) -> Prediction:
        if path.name == "b.jpg":
            path.unlink()
        return make_prediction(path)

    result = sort_folder(source, tmp_path / "out", "move", predict)
    assert result.num_sorted == 3
    assert [Path(path).name for path, _ in result.skipped] == ["b.jpg"]
    undone = run_to_end(undo(result.undo_path))
    assert undone.num_restored == 3
    assert read_tree(source) == before


@pytest.mark.usefixtures("symlinks")
def test_unreadable_images_and_symbolic_links_are_skipped_and_listed(source: Path, tmp_path: Path) -> None:
    (source / "link.jpg").symlink_to("a.jpg")
    warnings: list[Event] = []
    files = files_to_sort(source, tmp_path / "out")
    predictions = [
        Prediction(str(path), error="It is empty.") if path.name == "b.jpg" else make_prediction(path) for path in files
    ]
    result = run_to_end(
        sort_predictions(files, Sorter(source, tmp_path / "out", "move", ["ant"]), iter(predictions)), warnings.append
    )
    assert {Path(path).name for path, _ in result.skipped} == {"b.jpg", "link.jpg"}
    assert (source / "b.jpg").exists()
    assert (source / "link.jpg").is_symlink()
    assert len(warnings) == 2


def test_no_folder_is_created_if_no_image_can_be_sorted(source: Path, tmp_path: Path) -> None:
    sort_folder(source, tmp_path / "out", "copy", lambda path: Prediction(str(path), error="It is empty."))
    assert not (tmp_path / "out").exists()


@pytest.mark.skipif(os.name == "nt", reason="these names are not possible on Windows")
@pytest.mark.parametrize("mode", MODES)
def test_a_name_that_the_target_does_not_allow_is_simplified(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mode: TransferMode
) -> None:
    source = write_photos(
        tmp_path / "photos", "2026-11-27 10:30:00.jpg", "2026-11-27 10_30_00.jpg", "蜂" * 80 + ".jpg", "a.jpg"
    )
    before = read_tree(source)
    real = sorter.transfer_file

    def transfer(path: Path, target: Path, mode: TransferMode) -> None:
        if ":" in target.name:  # as on exFAT
            raise OSError(errno.EINVAL, "Invalid argument")
        if len(os.fsencode(target.name)) > 143:  # as in an encrypted home folder
            raise OSError(errno.ENAMETOOLONG, "File name too long")
        real(path, target, mode)

    monkeypatch.setattr(sorter, "transfer_file", transfer)
    result = sort_folder(source, tmp_path / "out", mode)
    assert (result.num_sorted, result.skipped) == (4, ())
    sorted_names = {path.name for path in (tmp_path / "out" / "ant").iterdir()}
    assert sorted_names >= {"2026-11-27 10_30_00.jpg", "2026-11-27 10_30_00-2.jpg", "a.jpg"}
    assert all(":" not in name and len(os.fsencode(name)) <= 143 for name in sorted_names)
    assert run_to_end(undo(result.undo_path)) == UndoResult(4, ())
    assert read_tree(source) == before


def test_file_names_that_are_not_utf8_are_sorted_and_restored(tmp_path: Path) -> None:
    source = write_photos(tmp_path / "photos", "a\udcff.jpg", "a\\xff.jpg")
    before = read_tree(source)
    result = sort_folder(source, tmp_path / "out", "move")
    assert result.num_sorted == 2
    run_to_end(undo(result.undo_path))
    assert read_tree(source) == before


@pytest.mark.skipif(os.name == "nt", reason="these names are not possible on Windows")
@pytest.mark.parametrize("mode", MODES)
def test_file_names_that_look_like_a_drive_are_sorted_and_restored(tmp_path: Path, mode: TransferMode) -> None:
    source = write_photos(tmp_path / "photos", "9:30.jpg", "B: benign/a.jpg", "a\\..\\x.jpg", "a\nb.jpg")
    before = read_tree(source)
    result = sort_folder(source, tmp_path / "out", mode)
    assert result.num_sorted == 4
    run_to_end(undo(result.undo_path))
    assert read_tree(source) == before
    assert not (tmp_path / "out").exists()
