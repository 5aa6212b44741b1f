"""Tests of undoing a sort, also after interruptions at any point."""

import errno
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from engine.core.errors import EngineError
from engine.core.event_stream import run_to_end
from engine.sorting import file_transfer, sorter
from engine.sorting import undo as undo_module
from engine.sorting.file_transfer import TransferMode
from engine.sorting.undo import UNDO_NAME, UndoResult, undo
from tests.engine.sorting.sorted_folders import MODES, read_tree, sort_folder, write_photos


class PowerCutError(BaseException):
    """Simulates the end of the process: it is not handled by any code under test."""


@pytest.mark.parametrize("mode", MODES)
def test_undo_restores_every_byte_name_and_modification_time(source: Path, tmp_path: Path, mode: TransferMode) -> None:
    before = read_tree(tmp_path / "photos")
    result = sort_folder(source, tmp_path / "out", mode)
    undone = run_to_end(undo(result.undo_path))
    assert undone == UndoResult(4, ())
    assert read_tree(source) == before
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("primitive", ["link", "unlink", "fsync", "mkdir", "rmdir"])
@pytest.mark.parametrize("is_after", [False, True])
def test_undo_restores_everything_after_an_interruption_at_any_point(
    tmp_path: Path, mode: TransferMode, primitive: str, is_after: bool
) -> None:
    num_interrupted = 0
    for call in range(40):
        root = tmp_path / str(call)
        source = write_photos(root / "photos", "a.jpg", "b.jpg", "deep/a.jpg")
        before = read_tree(source)
        was_interrupted = _interrupted(
            primitive, call, is_after, lambda r=root, s=source: sort_folder(s, r / "out", mode)
        )
        undo_path = root / "out" / UNDO_NAME
        if undo_path.exists() and undo_path.stat().st_size:
            # Undoing is interrupted repeatedly too, before it is allowed to finish
            while undo_path.exists() and _interrupted(
                primitive, 1, is_after, lambda path=undo_path: run_to_end(undo(path))
            ):
                pass
            if undo_path.exists():
                run_to_end(undo(undo_path))
            assert not any((root / "out").rglob("*"))
        assert read_tree(source) == before
        num_interrupted += was_interrupted
        if not was_interrupted:
            break
    else:
        pytest.fail("it never finished")
    assert num_interrupted > 0 or primitive in ("unlink", "rmdir")  # sorting may not call these


def _interrupted(primitive: str, call: int, is_after: bool, work: Callable[[], object]) -> bool:
    """Run `work`, interrupted before or after the given call of a function of os; return True if it was interrupted."""
    real = getattr(os, primitive)
    num_calls = 0

    def cut(*args: object, **kwargs: object) -> object:
        nonlocal num_calls
        num_calls += 1
        if num_calls == call + 1 and not is_after:
            raise PowerCutError
        result = real(*args, **kwargs)
        if num_calls == call + 1:
            raise PowerCutError
        return result

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, primitive, cut)
        try:
            work()
        except PowerCutError:
            return True
    return False


@pytest.mark.parametrize("mode", MODES)
def test_files_changed_since_are_skipped_and_listed(source: Path, tmp_path: Path, mode: TransferMode) -> None:
    result = sort_folder(source, tmp_path / "out", mode)
    changed = tmp_path / "out" / "ant" / "b.jpg"
    if mode == "move":
        (source / "b.jpg").write_bytes(b"another image")
    else:
        changed.unlink()
        changed.write_bytes(b"edited")
    (tmp_path / "out" / "ant" / "mine.txt").write_text("mine")
    undone = run_to_end(undo(result.undo_path))
    assert [path for path, _ in undone.skipped] == [str(changed)]
    assert changed.exists()
    assert (tmp_path / "out" / "ant" / "mine.txt").read_text("utf-8") == "mine"
    assert result.undo_path.exists()
    again = run_to_end(undo(result.undo_path))
    assert again == UndoResult(0, undone.skipped)


@pytest.mark.parametrize(
    "line",
    [
        '{"source": "../../etc/x.jpg", "target": "ant/a.jpg"}',
        '{"source": "/etc/x.jpg", "target": "ant/a.jpg"}',
        '{"source": "x.jpg", "target": "../a.jpg"}',
        '{"source": "x.jpg", "target": "ant/a.jpg", "more": 1}',
        "nonsense",
    ],
)
def test_an_undo_file_with_paths_outside_its_folders_is_rejected(source: Path, tmp_path: Path, line: str) -> None:
    result = sort_folder(source, tmp_path / "out", "move")
    before = read_tree(tmp_path)
    lines = result.undo_path.read_text("utf-8").splitlines()
    result.undo_path.write_text("\n".join([lines[0], line, *lines[1:]]) + "\n")
    with pytest.raises(EngineError, match="Nothing was moved"):
        run_to_end(undo(result.undo_path))
    result.undo_path.write_text("\n".join(lines) + "\n")
    after = read_tree(tmp_path)
    assert {name: content for name, content in after.items() if UNDO_NAME not in name} == {
        name: content for name, content in before.items() if UNDO_NAME not in name
    }


def test_an_undo_file_can_only_restore_images(source: Path, tmp_path: Path) -> None:
    result = sort_folder(source, tmp_path / "out", "move")
    text = result.undo_path.read_text("utf-8").replace('"deep/deeper/c.png"', '".bashrc"')
    result.undo_path.write_text(text)
    undone = run_to_end(undo(result.undo_path))
    assert len(undone.skipped) == 1
    assert not (source / ".bashrc").exists()


@pytest.mark.usefixtures("symlinks")
def test_undo_does_not_follow_a_symbolic_link_in_the_target(source: Path, tmp_path: Path) -> None:
    outside = write_photos(tmp_path / "outside", "a.jpg")
    result = sort_folder(source, tmp_path / "out", "move")
    for path in (tmp_path / "out" / "ant").iterdir():
        path.unlink()
    (tmp_path / "out" / "ant").rmdir()
    (tmp_path / "out" / "ant").symlink_to(outside)
    undone = run_to_end(undo(result.undo_path))
    assert undone.num_restored == 0
    assert (outside / "a.jpg").exists()


def test_the_interrupted_functions_are_those_that_the_modules_call() -> None:
    assert file_transfer.os is sorter.os is undo_module.os is os


def test_undo_files_of_earlier_versions_are_read(source: Path, tmp_path: Path) -> None:
    before = read_tree(source)
    result = sort_folder(source, tmp_path / "out", "move")
    result.undo_path.write_text(result.undo_path.read_text("utf-8").replace('{"mode":', '{"by":', 1))
    assert run_to_end(undo(result.undo_path)).num_restored == 4
    assert read_tree(source) == before


def test_undo_goes_on_after_an_image_that_cannot_be_restored(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = read_tree(source)
    result = sort_folder(source, tmp_path / "out", "copy")
    with monkeypatch.context() as patch:
        real = undo_module.remove_file

        def remove(path: Path, other_name: Path | None) -> None:
            if path.name == "b.jpg":
                raise PermissionError(errno.EACCES, "it is open in another program")
            real(path, other_name)

        patch.setattr(undo_module, "remove_file", remove)
        undone = run_to_end(undo(result.undo_path))
    assert (undone.num_restored, len(undone.skipped)) == (3, 1)
    assert "open in another program" in undone.skipped[0][1]
    assert run_to_end(undo(result.undo_path)) == UndoResult(1, ())
    assert read_tree(source) == before


def test_an_undo_file_that_an_editor_saved_with_other_line_ends_and_a_byte_order_mark_is_read(
    source: Path, tmp_path: Path
) -> None:
    before = read_tree(source)
    result = sort_folder(source, tmp_path / "out", "move")
    text = result.undo_path.read_text("utf-8")
    result.undo_path.write_text("\ufeff" + text.replace("\n", "\r\n") + "\r\n\r\n", "utf-8", newline="")
    assert run_to_end(undo(result.undo_path)).num_restored == 4
    assert read_tree(source) == before


def test_existing_files_are_neither_overwritten_nor_undone(source: Path, tmp_path: Path) -> None:
    write_photos(tmp_path / "out", "ant/a.jpg", "ant/old.jpg")
    before = read_tree(tmp_path / "out")
    result = sort_folder(source, tmp_path / "out", "move")
    assert {name: content for name, content in read_tree(tmp_path / "out").items() if name in before} == before
    run_to_end(undo(result.undo_path))
    assert read_tree(tmp_path / "out") == before


def test_moving_to_another_disk_can_be_undone(source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise OSError(18, "Invalid cross-device link")

    before = read_tree(source)
    monkeypatch.setattr(os, "link", refuse)
    result = sort_folder(source, tmp_path / "out", "move")
    assert result.num_sorted == 4
    run_to_end(undo(result.undo_path))
    assert read_tree(source) == before
