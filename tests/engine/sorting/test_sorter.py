"""Tests of sorting files by prediction and of undoing it, also after interruptions at any point."""

import os
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.core.errors import EngineError
from engine.core.event_stream import run_to_end
from engine.core.events import Event
from engine.core.path_text import path_to_text
from engine.results.predictions import UNKNOWN, UNSURE, Prediction
from engine.sorting import file_transfer, sorter
from engine.sorting import undo as undo_module
from engine.sorting.file_transfer import TransferMode, folder_name
from engine.sorting.sorter import REVIEW, Sorter, SortResult, default_target, files_to_sort, sort_predictions
from engine.sorting.undo import UNDO_NAME, UndoResult, undo

MODES: tuple[TransferMode, ...] = get_args(TransferMode)


class PowerCutError(BaseException):
    """Simulates the end of the process: it is not handled by any code under test."""


def _write(root: Path, *names: str) -> Path:
    for number, name in enumerate(names):
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(name.encode("utf-8", "surrogateescape") * 50)
        os.utime(path, ns=(10**18 + number, 10**18 + number * 7))
    return root


def _tree(root: Path) -> dict[str, tuple[bytes, int] | None]:
    """Return all folders, and all files with content and modification time."""
    return {
        str(path.relative_to(root)): None if path.is_dir() else (path.read_bytes(), path.stat().st_mtime_ns)
        for path in root.rglob("*")
    }


def _prediction(path: Path, label: str = "ant", decision: str | None = None) -> Prediction:
    return Prediction(path_to_text(str(path)), ((label, 0.9),), decision=decision or label)


def _sort(
    source: Path,
    target: Path,
    mode: TransferMode,
    predict: Callable[[Path], Prediction] = _prediction,
) -> SortResult:
    files = files_to_sort(source, target)
    predictions: Iterator[Event | Prediction] = iter([predict(path) for path in files])
    return run_to_end(sort_predictions(files, Sorter(source, target, mode), predictions))


@pytest.fixture
def source(tmp_path: Path) -> Path:
    return _write(tmp_path / "photos", "a.jpg", "b.jpg", "deep/a.jpg", "deep/deeper/c.png", "notes.txt")


@pytest.mark.parametrize("mode", MODES)
def test_images_are_sorted_by_class_and_unsure_ones_into_review(
    source: Path, tmp_path: Path, mode: TransferMode
) -> None:
    before = _tree(source)
    decisions = {"a.jpg": "ant", "b.jpg": UNSURE, "c.png": UNKNOWN}
    result = _sort(source, tmp_path / "out", mode, lambda path: _prediction(path, "ant", decisions[path.name]))
    sorted_paths = {path for path in _tree(tmp_path / "out") if "." in path}
    assert sorted_paths == {"ant/a.jpg", "ant/a-2.jpg", "review/b.jpg", "review/c.png", UNDO_NAME}
    assert result.num_per_folder == {"ant": 2, REVIEW: 2}
    assert (_tree(source) == before) == (mode != "move")
    assert (source / "notes.txt").exists()


@pytest.mark.parametrize("mode", MODES)
def test_undo_restores_every_byte_name_and_modification_time(source: Path, tmp_path: Path, mode: TransferMode) -> None:
    before = _tree(tmp_path / "photos")
    result = _sort(source, tmp_path / "out", mode)
    undone = run_to_end(undo(result.undo_path))
    assert undone == UndoResult(4, ())
    assert _tree(source) == before
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
        source = _write(root / "photos", "a.jpg", "b.jpg", "deep/a.jpg")
        before = _tree(source)
        was_interrupted = _interrupted(primitive, call, is_after, lambda r=root, s=source: _sort(s, r / "out", mode))
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
        assert _tree(source) == before
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
    result = _sort(source, tmp_path / "out", mode)
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


def test_a_target_inside_the_source_is_not_sorted_again(source: Path) -> None:
    _sort(source, source / "sorted", "copy")
    second = _sort(source, source / "sorted", "copy")
    assert second.num_sorted == 4
    assert {path.name for path in (source / "sorted" / "ant").iterdir()} >= {"a.jpg", "a-2.jpg", "a-3.jpg", "a-4.jpg"}
    run_to_end(undo(second.undo_path))
    run_to_end(undo(source / "sorted"))
    assert not (source / "sorted").exists()


def test_existing_files_are_neither_overwritten_nor_undone(source: Path, tmp_path: Path) -> None:
    _write(tmp_path / "out", "ant/a.jpg", "ant/old.jpg")
    before = _tree(tmp_path / "out")
    result = _sort(source, tmp_path / "out", "move")
    assert {name: content for name, content in _tree(tmp_path / "out").items() if name in before} == before
    run_to_end(undo(result.undo_path))
    assert _tree(tmp_path / "out") == before


@pytest.mark.usefixtures("symlinks")
def test_unreadable_images_and_symbolic_links_are_skipped_and_listed(source: Path, tmp_path: Path) -> None:
    (source / "link.jpg").symlink_to("a.jpg")
    warnings: list[Event] = []
    files = files_to_sort(source, tmp_path / "out")
    predictions = [
        Prediction(str(path), error="It is empty.") if path.name == "b.jpg" else _prediction(path) for path in files
    ]
    result = run_to_end(
        sort_predictions(files, Sorter(source, tmp_path / "out", "move"), iter(predictions)), warnings.append
    )
    assert {Path(path).name for path, _ in result.skipped} == {"b.jpg", "link.jpg"}
    assert (source / "b.jpg").exists()
    assert (source / "link.jpg").is_symlink()
    assert len(warnings) == 2


def test_no_folder_is_created_if_no_image_can_be_sorted(source: Path, tmp_path: Path) -> None:
    _sort(source, tmp_path / "out", "copy", lambda path: Prediction(str(path), error="It is empty."))
    assert not (tmp_path / "out").exists()


def test_file_names_that_are_not_utf8_are_sorted_and_restored(tmp_path: Path) -> None:
    source = _write(tmp_path / "photos", "a\udcff.jpg", "a\\xff.jpg")
    before = _tree(source)
    result = _sort(source, tmp_path / "out", "move")
    assert result.num_sorted == 2
    run_to_end(undo(result.undo_path))
    assert _tree(source) == before


def test_moving_to_another_disk_can_be_undone(source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise OSError(18, "Invalid cross-device link")

    before = _tree(source)
    monkeypatch.setattr(os, "link", refuse)
    result = _sort(source, tmp_path / "out", "move")
    assert result.num_sorted == 4
    run_to_end(undo(result.undo_path))
    assert _tree(source) == before


@given(names=st.lists(st.text(max_size=30), min_size=1, max_size=8))
def test_folder_names_are_valid_on_every_system(names: Sequence[str]) -> None:
    for name in names:
        made = folder_name(name)
        assert made == os.path.basename(made) not in ("", ".", "..")
        assert not made.startswith(".")
        assert made == made.rstrip(". ")
        assert not set(made) & set('\0\n\t<>:"/\\|?*')


@pytest.mark.parametrize("name", ["CON", "nul", "com1", "lpt9.txt", "AUX.x", "..", "", ".hidden", " . "])
def test_reserved_names_get_a_prefix(name: str) -> None:
    assert folder_name(name).startswith("_")


def test_classes_with_colliding_folder_names_get_separate_folders(tmp_path: Path) -> None:
    labels = {"a.jpg": "a/b", "b.jpg": "a:b", "c.jpg": "A_B", "d.jpg": "review", "e.jpg": "ok"}
    source = _write(tmp_path / "photos", *labels)
    unsure = {"e.jpg": UNSURE}
    result = _sort(
        source, tmp_path / "out", "copy", lambda path: _prediction(path, labels[path.name], unsure.get(path.name))
    )
    assert result.num_per_folder == {"a_b": 1, "a_b-2": 1, "A_B-3": 1, "review-2": 1, "review": 1}


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
    result = _sort(source, tmp_path / "out", "move")
    before = _tree(tmp_path)
    lines = result.undo_path.read_text("utf-8").splitlines()
    result.undo_path.write_text("\n".join([lines[0], line, *lines[1:]]) + "\n")
    with pytest.raises(EngineError, match="Nothing was moved"):
        run_to_end(undo(result.undo_path))
    result.undo_path.write_text("\n".join(lines) + "\n")
    after = _tree(tmp_path)
    assert {name: content for name, content in after.items() if UNDO_NAME not in name} == {
        name: content for name, content in before.items() if UNDO_NAME not in name
    }


def test_an_undo_file_can_only_restore_images(source: Path, tmp_path: Path) -> None:
    result = _sort(source, tmp_path / "out", "move")
    text = result.undo_path.read_text("utf-8").replace('"deep/deeper/c.png"', '".bashrc"')
    result.undo_path.write_text(text)
    undone = run_to_end(undo(result.undo_path))
    assert len(undone.skipped) == 1
    assert not (source / ".bashrc").exists()


@pytest.mark.usefixtures("symlinks")
def test_undo_does_not_follow_a_symbolic_link_in_the_target(source: Path, tmp_path: Path) -> None:
    outside = _write(tmp_path / "outside", "a.jpg")
    result = _sort(source, tmp_path / "out", "move")
    for path in (tmp_path / "out" / "ant").iterdir():
        path.unlink()
    (tmp_path / "out" / "ant").rmdir()
    (tmp_path / "out" / "ant").symlink_to(outside)
    undone = run_to_end(undo(result.undo_path))
    assert undone.num_restored == 0
    assert (outside / "a.jpg").exists()


def test_a_folder_without_images_or_undo_file_raises_an_error(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(EngineError, match="no images"):
        files_to_sort(tmp_path / "empty", tmp_path / "out")
    with pytest.raises(EngineError, match="no undo file"):
        run_to_end(undo(tmp_path / "empty"))


def test_the_default_target_is_a_new_sibling_folder(source: Path) -> None:
    assert default_target(source) == source.with_name("photos sorted")
    source.with_name("photos sorted").mkdir()
    assert default_target(source) == source.with_name("photos sorted-2")


def test_the_interrupted_functions_are_those_that_the_modules_call() -> None:
    assert file_transfer.os is sorter.os is undo_module.os is os


def test_an_image_deleted_meanwhile_is_skipped_and_the_rest_is_sorted(source: Path, tmp_path: Path) -> None:
    before = _tree(source)
    before.pop("b.jpg")

    def predict(path: Path) -> Prediction:
        if path.name == "b.jpg":
            path.unlink()
        return _prediction(path)

    result = _sort(source, tmp_path / "out", "move", predict)
    assert result.num_sorted == 3
    assert [Path(path).name for path, _ in result.skipped] == ["b.jpg"]
    undone = run_to_end(undo(result.undo_path))
    assert undone.num_restored == 3
    assert _tree(source) == before


def test_undo_files_of_earlier_versions_are_read(source: Path, tmp_path: Path) -> None:
    before = _tree(source)
    result = _sort(source, tmp_path / "out", "move")
    result.undo_path.write_text(result.undo_path.read_text("utf-8").replace('{"mode":', '{"by":', 1))
    assert run_to_end(undo(result.undo_path)).num_restored == 4
    assert _tree(source) == before
