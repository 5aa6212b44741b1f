"""Tests of sorting files by answers and of taking that back, cut off anywhere."""

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
from engine.sorting import file_transfer as placing
from engine.sorting import sorter as sorting
from engine.sorting.file_transfer import TransferMode, folder_name
from engine.sorting.sorter import (
    REVIEW,
    UNDO_NAME,
    Sorter,
    SortResult,
    UndoResult,
    default_target,
    files_to_sort,
    sort_predictions,
    undo,
)

WAYS: tuple[TransferMode, ...] = get_args(TransferMode)


class PowerCutError(BaseException):
    """Nothing of the program goes on behind it."""


def _write(root: Path, *names: str) -> Path:
    for number, name in enumerate(names):
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(name.encode("utf-8", "surrogateescape") * 50)
        os.utime(path, ns=(10**18 + number, 10**18 + number * 7))
    return root


def _tree(root: Path) -> dict[str, tuple[bytes, int] | None]:
    """Return every folder, and every file with its bytes and its time of change."""
    return {
        str(path.relative_to(root)): None if path.is_dir() else (path.read_bytes(), path.stat().st_mtime_ns)
        for path in root.rglob("*")
    }


def _answer(path: Path, label: str = "ant", decision: str | None = None) -> Prediction:
    return Prediction(path_to_text(str(path)), ((label, 0.9),), decision=decision or label)


def _sort(
    source: Path,
    target: Path,
    by: TransferMode,
    answer: Callable[[Path], Prediction] = _answer,
    told: Callable[[Event], None] = print,
) -> SortResult:
    files = files_to_sort(source, target)
    answers: Iterator[Event | Prediction] = iter([answer(path) for path in files])
    return run_to_end(sort_predictions(files, Sorter(source, target, by), answers))


@pytest.fixture
def source(tmp_path: Path) -> Path:
    return _write(tmp_path / "photos", "a.jpg", "b.jpg", "deep/a.jpg", "deep/deeper/c.png", "notes.txt")


@pytest.mark.parametrize("by", WAYS)
def test_images_go_to_their_class_and_doubtful_ones_to_review(source: Path, tmp_path: Path, by: TransferMode) -> None:
    before = _tree(source)
    decisions = {"a.jpg": "ant", "b.jpg": UNSURE, "c.png": UNKNOWN}
    result = _sort(source, tmp_path / "out", by, lambda path: _answer(path, "ant", decisions[path.name]))
    placed = {path for path in _tree(tmp_path / "out") if "." in path}
    assert placed == {"ant/a.jpg", "ant/a-2.jpg", "review/b.jpg", "review/c.png", UNDO_NAME}
    assert result.num_per_folder == {"ant": 2, REVIEW: 2}
    assert (_tree(source) == before) == (by != "move")
    assert (source / "notes.txt").exists()


@pytest.mark.parametrize("by", WAYS)
def test_undoing_restores_every_byte_name_and_time(source: Path, tmp_path: Path, by: TransferMode) -> None:
    before = _tree(tmp_path / "photos")
    result = _sort(source, tmp_path / "out", by)
    undone = run_to_end(undo(result.undo_path))
    assert undone == UndoResult(4, ())
    assert _tree(source) == before
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("by", WAYS)
@pytest.mark.parametrize("primitive", ["link", "unlink", "fsync", "mkdir", "rmdir"])
@pytest.mark.parametrize("is_after", [False, True])
def test_cut_off_anywhere_undoing_restores_everything(
    tmp_path: Path, by: TransferMode, primitive: str, is_after: bool
) -> None:
    num_cut_off = 0
    for call in range(40):
        root = tmp_path / str(call)
        source = _write(root / "photos", "a.jpg", "b.jpg", "deep/a.jpg")
        before = _tree(source)
        is_cut_off = _cut_off(primitive, call, is_after, lambda r=root, s=source: _sort(s, r / "out", by))
        undo_path = root / "out" / UNDO_NAME
        if undo_path.exists() and undo_path.stat().st_size:
            # Taking back is cut off too, again and again, before it may come to its end
            while undo_path.exists() and _cut_off(
                primitive, 1, is_after, lambda path=undo_path: run_to_end(undo(path))
            ):
                pass
            if undo_path.exists():
                run_to_end(undo(undo_path))
            assert not any((root / "out").rglob("*"))
        assert _tree(source) == before
        num_cut_off += is_cut_off
        if not is_cut_off:
            break
    else:
        pytest.fail("it was never done")
    assert num_cut_off > 0 or primitive in ("unlink", "rmdir")  # which sorting may not need


def _cut_off(primitive: str, call: int, is_after: bool, work: Callable[[], object]) -> bool:
    """Do work that is cut off before or after the call of a primitive of this number; say whether it was."""
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


@pytest.mark.parametrize("by", WAYS)
def test_what_the_user_changed_since_is_left_and_named(source: Path, tmp_path: Path, by: TransferMode) -> None:
    result = _sort(source, tmp_path / "out", by)
    changed = tmp_path / "out" / "ant" / "b.jpg"
    if by == "move":
        (source / "b.jpg").write_bytes(b"another picture")
    else:
        changed.unlink()
        changed.write_bytes(b"edited")
    (tmp_path / "out" / "ant" / "mine.txt").write_text("mine")
    undone = run_to_end(undo(result.undo_path))
    assert [path for path, _ in undone.skipped] == [str(changed)]
    assert changed.exists()
    assert (tmp_path / "out" / "ant" / "mine.txt").read_text() == "mine"
    assert result.undo_path.exists()
    again = run_to_end(undo(result.undo_path))
    assert again == UndoResult(0, undone.skipped)


def test_a_folder_sorted_into_its_own_inside_is_not_sorted_again(source: Path) -> None:
    _sort(source, source / "sorted", "copy")
    second = _sort(source, source / "sorted", "copy")
    assert second.num_sorted == 4
    assert {path.name for path in (source / "sorted" / "ant").iterdir()} >= {"a.jpg", "a-2.jpg", "a-3.jpg", "a-4.jpg"}
    run_to_end(undo(second.undo_path))
    run_to_end(undo(source / "sorted"))
    assert not (source / "sorted").exists()


def test_nothing_that_lies_there_is_overwritten_or_taken_back(source: Path, tmp_path: Path) -> None:
    _write(tmp_path / "out", "ant/a.jpg", "ant/old.jpg")
    before = _tree(tmp_path / "out")
    result = _sort(source, tmp_path / "out", "move")
    assert {name: kept for name, kept in _tree(tmp_path / "out").items() if name in before} == before
    run_to_end(undo(result.undo_path))
    assert _tree(tmp_path / "out") == before


def test_unreadable_images_and_links_stay_and_are_named(source: Path, tmp_path: Path) -> None:
    (source / "link.jpg").symlink_to("a.jpg")
    told: list[Event] = []
    files = files_to_sort(source, tmp_path / "out")
    answers = [Prediction(str(path), error="It is empty.") if path.name == "b.jpg" else _answer(path) for path in files]
    result = run_to_end(sort_predictions(files, Sorter(source, tmp_path / "out", "move"), iter(answers)), told.append)
    assert {Path(path).name for path, _ in result.skipped} == {"b.jpg", "link.jpg"}
    assert (source / "b.jpg").exists()
    assert (source / "link.jpg").is_symlink()
    assert len(told) == 2


def test_where_nothing_can_be_sorted_no_folder_is_made(source: Path, tmp_path: Path) -> None:
    _sort(source, tmp_path / "out", "copy", lambda path: Prediction(str(path), error="It is empty."))
    assert not (tmp_path / "out").exists()


def test_names_that_are_no_text_are_sorted_and_restored(tmp_path: Path) -> None:
    source = _write(tmp_path / "photos", "a\udcff.jpg", "a\\xff.jpg")
    before = _tree(source)
    result = _sort(source, tmp_path / "out", "move")
    assert result.num_sorted == 2
    run_to_end(undo(result.undo_path))
    assert _tree(source) == before


def test_moving_to_another_disk_loses_nothing(source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise OSError(18, "Invalid cross-device link")

    before = _tree(source)
    monkeypatch.setattr(os, "link", refuse)
    result = _sort(source, tmp_path / "out", "move")
    assert result.num_sorted == 4
    run_to_end(undo(result.undo_path))
    assert _tree(source) == before


@given(names=st.lists(st.text(max_size=30), min_size=1, max_size=8))
def test_folders_of_classes_are_safe_names_and_no_two_are_one(names: Sequence[str]) -> None:
    for name in names:
        made = folder_name(name)
        assert made == os.path.basename(made) not in ("", ".", "..")
        assert not made.startswith(".")
        assert made == made.rstrip(". ")
        assert not set(made) & set('\0\n\t<>:"/\\|?*')


@pytest.mark.parametrize("name", ["CON", "nul", "com1", "lpt9.txt", "AUX.x", "..", "", ".hidden", " . "])
def test_names_that_a_system_keeps_for_itself_are_changed(name: str) -> None:
    assert folder_name(name).startswith("_")


def test_classes_whose_folders_would_be_one_get_folders_of_their_own(tmp_path: Path) -> None:
    labels = {"a.jpg": "a/b", "b.jpg": "a:b", "c.jpg": "A_B", "d.jpg": "review", "e.jpg": "ok"}
    source = _write(tmp_path / "photos", *labels)
    unsure = {"e.jpg": UNSURE}
    result = _sort(
        source, tmp_path / "out", "copy", lambda path: _answer(path, labels[path.name], unsure.get(path.name))
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
def test_an_undo_file_that_leads_out_of_its_folders_moves_nothing(source: Path, tmp_path: Path, line: str) -> None:
    result = _sort(source, tmp_path / "out", "move")
    before = _tree(tmp_path)
    lines = result.undo_path.read_text().splitlines()
    result.undo_path.write_text("\n".join([lines[0], line, *lines[1:]]) + "\n")
    with pytest.raises(EngineError, match="Nothing was moved"):
        run_to_end(undo(result.undo_path))
    result.undo_path.write_text("\n".join(lines) + "\n")
    after = _tree(tmp_path)
    assert {name: kept for name, kept in after.items() if UNDO_NAME not in name} == {
        name: kept for name, kept in before.items() if UNDO_NAME not in name
    }


def test_an_undo_file_cannot_plant_what_is_no_image(source: Path, tmp_path: Path) -> None:
    result = _sort(source, tmp_path / "out", "move")
    text = result.undo_path.read_text().replace('"deep/deeper/c.png"', '".bashrc"')
    result.undo_path.write_text(text)
    undone = run_to_end(undo(result.undo_path))
    assert len(undone.skipped) == 1
    assert not (source / ".bashrc").exists()


def test_a_link_planted_in_the_target_leads_nowhere(source: Path, tmp_path: Path) -> None:
    outside = _write(tmp_path / "outside", "a.jpg")
    result = _sort(source, tmp_path / "out", "move")
    for path in (tmp_path / "out" / "ant").iterdir():
        path.unlink()
    (tmp_path / "out" / "ant").rmdir()
    (tmp_path / "out" / "ant").symlink_to(outside)
    undone = run_to_end(undo(result.undo_path))
    assert undone.num_restored == 0
    assert (outside / "a.jpg").exists()


def test_a_folder_without_images_or_undo_file_is_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(EngineError, match="no images"):
        files_to_sort(tmp_path / "empty", tmp_path / "out")
    with pytest.raises(EngineError, match="no undo file"):
        run_to_end(undo(tmp_path / "empty"))


def test_the_usual_target_is_new_and_beside_the_folder(source: Path) -> None:
    assert default_target(source) == source.with_name("photos sorted")
    source.with_name("photos sorted").mkdir()
    assert default_target(source) == source.with_name("photos sorted-2")


def test_modules_are_the_ones_that_are_cut_off() -> None:
    assert placing.os is sorting.os is os


def test_an_image_that_is_gone_meanwhile_is_named_and_the_others_are_sorted(source: Path, tmp_path: Path) -> None:
    before = _tree(source)
    before.pop("b.jpg")

    def answer(path: Path) -> Prediction:
        if path.name == "b.jpg":
            path.unlink()
        return _answer(path)

    result = _sort(source, tmp_path / "out", "move", answer)
    assert result.num_sorted == 3
    assert [Path(path).name for path, _ in result.skipped] == ["b.jpg"]
    undone = run_to_end(undo(result.undo_path))
    assert undone.num_restored == 3
    assert _tree(source) == before
