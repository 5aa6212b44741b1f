"""Tests of sorting files by prediction and of undoing it, also after interruptions at any point."""

import errno
import os
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import get_args

import pytest

from engine.core.errors import EngineError
from engine.core.event_stream import run_to_end
from engine.core.events import Event
from engine.core.path_text import path_to_text
from engine.data.dataset import scan
from engine.results.predictions import ACCEPTED, UNKNOWN, UNSURE, Prediction, PredictionDecision
from engine.sorting import file_transfer, sorter
from engine.sorting import undo as undo_module
from engine.sorting.file_transfer import LinksUnsupportedError, TransferMode
from engine.sorting.folder_names import choose_folders
from engine.sorting.sorter import Sorter, SortResult, default_target, files_to_sort, sort_predictions
from engine.sorting.undo import UNDO_NAME, UndoResult, undo
from tests.class_names import AWKWARD_NAMES

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


def _prediction(path: Path, label: str = "ant", decision: PredictionDecision = ACCEPTED) -> Prediction:
    return Prediction(path_to_text(str(path)), ((label, 0.9),), decision=decision)


def _sort(
    source: Path,
    target: Path,
    mode: TransferMode,
    predict: Callable[[Path], Prediction] = _prediction,
    classes: Sequence[str] = ("ant",),
) -> SortResult:
    files = files_to_sort(source, target)
    predictions: Iterator[Event | Prediction] = iter([predict(path) for path in files])
    return run_to_end(sort_predictions(files, Sorter(source, target, mode, classes), predictions))


@pytest.fixture
def source(tmp_path: Path) -> Path:
    return _write(tmp_path / "photos", "a.jpg", "b.jpg", "deep/a.jpg", "deep/deeper/c.png", "notes.txt")


@pytest.mark.parametrize("mode", MODES)
def test_images_are_sorted_by_class_and_unsure_ones_into_review(
    source: Path, tmp_path: Path, mode: TransferMode
) -> None:
    before = _tree(source)
    decisions = {"a.jpg": ACCEPTED, "b.jpg": UNSURE, "c.png": UNKNOWN}
    result = _sort(source, tmp_path / "out", mode, lambda path: _prediction(path, "ant", decisions[path.name]))
    sorted_paths = {path for path in _tree(tmp_path / "out") if "." in path}
    assert sorted_paths == {"ant/a.jpg", "ant/a-2.jpg", "review/b.jpg", "review/c.png", UNDO_NAME}
    assert result.num_per_folder == {"ant": 2, "review": 2}
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
        sort_predictions(files, Sorter(source, tmp_path / "out", "move", ["ant"]), iter(predictions)), warnings.append
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


@pytest.mark.skipif(os.name == "nt", reason="these names are not possible on Windows")
@pytest.mark.parametrize("mode", MODES)
def test_file_names_that_look_like_a_drive_are_sorted_and_restored(tmp_path: Path, mode: TransferMode) -> None:
    source = _write(tmp_path / "photos", "9:30.jpg", "B: benign/a.jpg", "a\\..\\x.jpg", "a\nb.jpg")
    before = _tree(source)
    result = _sort(source, tmp_path / "out", mode)
    assert result.num_sorted == 4
    run_to_end(undo(result.undo_path))
    assert _tree(source) == before
    assert not (tmp_path / "out").exists()


def test_moving_to_another_disk_can_be_undone(source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise OSError(18, "Invalid cross-device link")

    before = _tree(source)
    monkeypatch.setattr(os, "link", refuse)
    result = _sort(source, tmp_path / "out", "move")
    assert result.num_sorted == 4
    run_to_end(undo(result.undo_path))
    assert _tree(source) == before


def test_classes_with_colliding_folder_names_get_separate_folders_whatever_image_comes_first(tmp_path: Path) -> None:
    labels = {"a.jpg": "a/b", "b.jpg": "a:b", "c.jpg": "A_B", "d.jpg": "review", "e.jpg": "ok"}
    source = _write(tmp_path / "photos", *labels)
    decisions = {"e.jpg": UNSURE}
    result = _sort(
        source,
        tmp_path / "out",
        "copy",
        lambda path: _prediction(path, labels[path.name], decisions.get(path.name, ACCEPTED)),
        list(labels.values()),
    )
    assert result.num_per_folder == {"A_B": 1, "a_b-2": 1, "a_b-3": 1, "review": 1, "_review": 1}
    assert result.review_folder == "_review"


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


def test_the_default_target_of_a_drive_is_inside_and_a_long_name_is_shortened(tmp_path: Path) -> None:
    drive = Path(tmp_path.anchor)
    assert default_target(drive).parent == drive
    default_target(tmp_path / ("ü" * 127)).mkdir()


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
    before = _tree(source)
    number = getattr(errno, code)
    _fail_transfer_of(monkeypatch, "b.jpg", OSError(number, os.strerror(number)))
    result = _sort(source, tmp_path / "out", mode)
    assert result.num_sorted == 3
    assert result.num_failed == 1
    ((path, reason),) = result.skipped
    assert Path(path).name == "b.jpg"
    assert os.strerror(number) in reason
    run_to_end(undo(result.undo_path))
    assert _tree(source) == before


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EROFS, errno.EDQUOT])
def test_a_full_or_read_only_disk_ends_the_sort_with_one_sentence_and_undo_works(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mode: TransferMode, code: int
) -> None:
    before = _tree(source)
    _fail_transfer_of(monkeypatch, "b.jpg", OSError(code, os.strerror(code)))
    with pytest.raises(EngineError, match="could not be saved") as caught:
        _sort(source, tmp_path / "out", mode)
    assert ("Free some space" in caught.value.message) == (code != errno.EROFS)
    run_to_end(undo(tmp_path / "out"))
    assert _tree(source) == before
    assert not (tmp_path / "out").exists()


def test_a_target_without_links_ends_the_sort_only_if_no_image_could_be_linked(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        _fail_transfer_of(patch, "a.jpg", LinksUnsupportedError("No links."))
        with pytest.raises(EngineError, match="No links"):
            _sort(source, tmp_path / "none", "link")
    _fail_transfer_of(monkeypatch, "c.png", LinksUnsupportedError("No links."))
    result = _sort(source, tmp_path / "out", "link")
    assert (result.num_sorted, result.num_failed) == (3, 1)


def test_undo_goes_on_after_an_image_that_cannot_be_restored(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = _tree(source)
    result = _sort(source, tmp_path / "out", "copy")
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
    assert _tree(source) == before


def test_an_undo_file_that_an_editor_saved_with_other_line_ends_and_a_byte_order_mark_is_read(
    source: Path, tmp_path: Path
) -> None:
    before = _tree(source)
    result = _sort(source, tmp_path / "out", "move")
    text = result.undo_path.read_text("utf-8")
    result.undo_path.write_text("\ufeff" + text.replace("\n", "\r\n") + "\r\n\r\n", "utf-8", newline="")
    assert run_to_end(undo(result.undo_path)).num_restored == 4
    assert _tree(source) == before


@pytest.mark.parametrize("mode", MODES)
def test_classes_of_any_name_are_sorted_and_undone(tmp_path: Path, mode: TransferMode) -> None:
    labels = {f"{number}.jpg": name for number, name in enumerate(AWKWARD_NAMES)}
    source = _write(tmp_path / "photos", *labels, "unsure.jpg", "unknown.jpg")
    before = _tree(source)

    def predict(path: Path) -> Prediction:
        if path.name in labels:
            return _prediction(path, labels[path.name])
        return _prediction(path, "review", UNSURE if path.name == "unsure.jpg" else UNKNOWN)

    result = _sort(source, tmp_path / "out", mode, predict, AWKWARD_NAMES)
    for name, label in labels.items():
        assert (tmp_path / "out" / choose_folders(AWKWARD_NAMES, [UNDO_NAME]).class_folders[label] / name).exists()
    review = {path.name for path in (tmp_path / "out" / result.review_folder).iterdir()}
    assert review == {"unsure.jpg", "unknown.jpg"}
    assert result.num_per_folder["review"] == 1
    run_to_end(undo(tmp_path / "out"))
    assert _tree(source) == before
    assert not (tmp_path / "out").exists()


@pytest.mark.usefixtures("symlinks")
def test_a_target_inside_the_source_is_recognised_by_another_path(source: Path, tmp_path: Path) -> None:
    _write(source, "Sorted/ant/old.jpg")
    (tmp_path / "other name").symlink_to(source)
    names = {path.name for path in files_to_sort(source, tmp_path / "other name" / "Sorted")}
    assert "old.jpg" not in names
    with pytest.raises(EngineError, match="into the folder they come from"):
        files_to_sort(source, tmp_path / "other name")


def test_a_target_inside_the_source_is_recognised_where_letter_case_does_not_matter(
    source: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _write(source, "Sorted/ant/old.jpg")

    def same(first: Path, second: Path) -> bool:
        return str(first).casefold() == str(second).casefold()

    monkeypatch.setattr(os.path, "samefile", same)
    assert "old.jpg" not in {path.name for path in files_to_sort(source, source.with_name("PHOTOS") / "sorted")}


def test_images_are_sorted_into_a_folder_above_them(source: Path) -> None:
    assert _sort(source / "deep", source, "move").num_sorted == 2
    assert (source / "ant" / "a.jpg").exists()


@pytest.mark.parametrize("classes", [("ant", "review"), ("ant", "review", "_review"), ("ant", "bee")])
@pytest.mark.parametrize("has_unsure", [True, False])
def test_a_sorted_folder_is_a_dataset_of_its_classes_without_the_images_to_review(
    tmp_path: Path, classes: Sequence[str], has_unsure: bool
) -> None:
    source = _write(tmp_path / "photos", *(f"{name}/{number}.jpg" for name in classes for number in range(3)))

    def predict(path: Path) -> Prediction:
        is_unsure = has_unsure and path.name == "2.jpg"
        return _prediction(path, path.parent.name, UNSURE if is_unsure else ACCEPTED)

    _sort(source, tmp_path / "out", "copy", predict, classes)
    dataset = scan(tmp_path / "out")
    assert set(dataset.classes) == set(classes)
    assert dataset.counts() == [2 if has_unsure else 3] * len(classes)


@pytest.mark.skipif(os.name == "nt", reason="these names are not possible on Windows")
@pytest.mark.parametrize("mode", MODES)
def test_a_name_that_the_target_does_not_allow_is_simplified(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mode: TransferMode
) -> None:
    source = _write(
        tmp_path / "photos", "2026-11-27 10:30:00.jpg", "2026-11-27 10_30_00.jpg", "蜂" * 80 + ".jpg", "a.jpg"
    )
    before = _tree(source)
    real = sorter.transfer_file

    def transfer(path: Path, target: Path, mode: TransferMode) -> None:
        if ":" in target.name:  # as on exFAT
            raise OSError(errno.EINVAL, "Invalid argument")
        if len(os.fsencode(target.name)) > 143:  # as in an encrypted home folder
            raise OSError(errno.ENAMETOOLONG, "File name too long")
        real(path, target, mode)

    monkeypatch.setattr(sorter, "transfer_file", transfer)
    result = _sort(source, tmp_path / "out", mode)
    assert (result.num_sorted, result.skipped) == (4, ())
    sorted_names = {path.name for path in (tmp_path / "out" / "ant").iterdir()}
    assert sorted_names >= {"2026-11-27 10_30_00.jpg", "2026-11-27 10_30_00-2.jpg", "a.jpg"}
    assert all(":" not in name and len(os.fsencode(name)) <= 143 for name in sorted_names)
    assert run_to_end(undo(result.undo_path)) == UndoResult(4, ())
    assert _tree(source) == before
