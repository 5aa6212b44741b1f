"""Tests of finding all groups of photos, and of the splits that they lead to."""

import math
from collections.abc import Callable

import numpy as np
import pytest

from engine.audit import photo_groups as module
from engine.audit.findings import DuplicateGroup
from engine.audit.photo_groups import find_photo_groups, with_duplicates
from engine.data.groups.photo_groups import PhotoGroups
from engine.data.splits import cut_warning, split
from tests.photos import MORNING, Photo, num_divided_events, photo_dataset, photo_groups

_CASES: dict[str, Callable[[int, int, int], Photo]] = {
    "fast events": lambda c, e, s: Photo(f"{c}/{e}{s}x.jpg", MORNING + 36_000 * c + 3600 * e + s),
    "slow events": lambda c, e, s: Photo(f"{c}/{e}{s}x.jpg", MORNING + 36_000 * c + 3600 * e + 20 * s),
    "two sites": lambda c, e, s: Photo(f"{c}/{e}{s}x.jpg", MORNING + 3600 * e + s),
    "two sites with one serial number": lambda c, e, s: Photo(f"{c}/{e}{s}.jpg", MORNING + 3600 * e + s, serial_hash=7),
    "patients by name": lambda c, e, s: Photo(f"{c}/patient{c}{e}_{s}.jpg"),
    "patients by folder": lambda c, e, s: Photo(f"{c}/patient{c}{e}/{s}.jpg"),
    "sites in both classes": lambda c, e, s: Photo(f"{c}/site{e}/{s}.jpg", event=f"{e}"),
    "days": lambda c, e, s: Photo(f"{c}/2024-05-0{e + 1}/IMG_{s}.jpg", event=f"{e}"),
    "video frames": lambda c, e, s: Photo(f"{c}/clip{e:02}_frame{s:04}.jpg", event=f"{e}"),
    "wells": lambda c, e, s: Photo(f"{c}/{'ABCDEFGH'[e]}{c + 1:02}_s{s}_w1.tif"),
    "phones": lambda c, e, s: Photo(f"{c}/PXL_2024050{c + 1}_{e + 6:02}00{s:02}123.jpg"),
    "series of an action camera": lambda c, e, s: Photo(f"{c}/G{8 * c + e + 1:03}{5 * e + s:04}.JPG"),
    "augmented copies": lambda c, e, s: Photo(f"{c}/{'abcdefgh'[e]}{('', '_rot90', '_flip', ' (1)', '-copy')[s]}.jpg"),
    "events over two classes": lambda c, e, s: Photo(
        f"{s % 2}/IMG_{40 * c + 5 * e + s:04}.jpg", MORNING + 36_000 * c + 3600 * e + 20 * s
    ),
    "a stopped clock and names": lambda c, e, s: Photo(f"{c}/e{e}_{s}.jpg", 946_684_800.0),
}


@pytest.mark.parametrize("name", _CASES)
def test_no_event_is_on_both_sides_and_both_classes_are_validated(name: str) -> None:
    make = _CASES[name]
    photos = []
    for c, e, s in np.ndindex(2, 8, 5):
        photo = make(c, e, s)
        photos.append(Photo(**{**vars(photo), "event": photo.event or f"{c} {e}"}))
    dataset, groups = photo_groups(photos)
    for seed in range(5):
        parts = split(dataset, 0.2, seed, groups)
        assert num_divided_events(parts, photos) == 0
        assert all(1 <= number <= 16 for number in parts.counts("val"))
        assert cut_warning(parts) is None


@pytest.mark.parametrize("num_photos", [2, 9, 40, 70, 300])
def test_a_series_that_is_a_whole_class_is_divided_at_one_border(num_photos: int) -> None:
    photos = [Photo(f"{c}/f_{n}.jpg", MORNING + 9000 * c + n) for c in (0, 1) for n in range(num_photos)]
    dataset, groups = photo_groups(photos)
    parts = split(dataset, 0.2, 0, groups)
    quota = max(1, round(num_photos * 0.2))
    assert parts.counts("val") == [quota, quota]
    for label in (0, 1):
        in_val = [number for number in range(num_photos) if (f"{label}/f_{number}.jpg", "val") in _sides(parts)]
        assert in_val == list(range(num_photos - quota, num_photos))
    message = cut_warning(parts)
    assert message is not None
    assert f"'0' ({quota} of {num_photos})" in message


def _sides(parts) -> set[tuple[str, str]]:  # type: ignore[no-untyped-def]
    return {(sample.path, sample.split) for sample in parts.samples}


def test_a_series_of_two_classes_in_turn_is_divided_at_one_border() -> None:
    photos = [Photo(f"{n % 2}/f_{n:02}.jpg", MORNING + n) for n in range(80)]
    dataset, groups = photo_groups(photos)
    parts = split(dataset, 0.2, 0, groups)
    assert parts.counts("val") == [8, 8]
    assert {path[4:6] for path, side in _sides(parts) if side == "val"} == {f"{n}" for n in range(64, 80)}


def test_a_site_that_is_a_whole_class_is_divided_between_its_events() -> None:
    photos = [
        Photo(f"{c}/site{c}_{e}_{s}.jpg", MORNING + 3600 * e + s, event=f"{c} {e}") for c, e, s in np.ndindex(2, 8, 5)
    ]
    dataset, groups = photo_groups([*photos, *(Photo(f"{c}/site2_9_{s}.jpg") for c in (0, 1) for s in range(2))])
    parts = split(dataset, 0.2, 0, groups)
    assert all(parts.counts("val"))
    assert num_divided_events(parts, photos) == 0


def test_a_stray_photo_is_not_the_whole_validation_of_a_long_series() -> None:
    photos = [Photo(f"{c}/f_{n:02}.jpg", MORNING + n) for c in (0, 1) for n in range(50)]
    dataset, groups = photo_groups([*photos, Photo("0/stray.jpg"), Photo("1/stray.jpg")])
    assert split(dataset, 0.2, 0, groups).counts("val") == [10, 10]


def test_the_kinds_of_groups_are_counted() -> None:
    photos = [Photo(f"a/patient{e}_{s}.jpg", MORNING + 3600 * e + s) for e in range(3) for s in range(3)]
    _, groups = photo_groups(photos)
    assert groups.describe() == "3 by file name, 3 by time (gap 60 s)"
    assert photo_groups(photos, "name")[1].describe() == "3 by file name"
    assert photo_groups(photos, "time", 7)[1].describe() == "3 by time (gap 7 s)"
    assert photo_groups(photos, "none")[1] == PhotoGroups()


def test_groups_in_both_training_and_validation_are_counted() -> None:
    dataset, records = photo_dataset(Photo(f"a/patient{e}_{s}.jpg") for e in range(3) for s in range(3))
    samples = [sample if n != 4 else type(sample)(sample.path, 0, "val") for n, sample in enumerate(dataset.samples)]
    found = find_photo_groups(samples, records, ("a",))
    assert found.describe() == "3 by file name, 1 in both training and validation"


def test_many_near_duplicates_are_a_series_that_can_be_divided_and_few_are_not() -> None:
    def near(number: int) -> DuplicateGroup:
        paths = tuple(f"{number}/{n}.jpg" for n in range(number))
        return DuplicateGroup(paths=paths, kind="near", is_conflict=False, crosses_splits=False)

    groups = with_duplicates(PhotoGroups(), [near(6), near(20)])
    dataset, _ = photo_dataset(Photo(path) for group in groups.groups for path in group.paths)
    parts = split(dataset, 0.2, 0, groups)
    assert dict(zip(parts.classes, parts.counts("val"))) == {"20": 4, "6": 0}


def test_each_photo_is_compared_with_few_others(monkeypatch: pytest.MonkeyPatch) -> None:
    """The number of links grows with the number of photos, whether they are in one class or in a thousand."""
    linked: list[int] = []
    original = module.time_links
    monkeypatch.setattr(module, "time_links", lambda *a: iter([linked.append(1) or pair for pair in original(*a)]))
    for num_classes in (1, 1000):
        linked.clear()
        photos = [Photo(f"{n % num_classes}/{n}.jpg", MORNING + 50 * (n // num_classes)) for n in range(4000)]
        photo_groups(photos)
        assert len(linked) <= 2 * len(photos)


def test_photos_are_in_the_order_of_capture_and_those_without_time_follow_the_one_before() -> None:
    taken = {"a/f_1.jpg": 30.0, "a/f_2.jpg": 10.0, "a/f_3.jpg": math.nan, "a/f_10.jpg": 20.0, "a/f_11.jpg": 25.0}
    _, groups = photo_groups([Photo(path, time) for path, time in taken.items()])
    assert groups.order == ("a/f_2.jpg", "a/f_3.jpg", "a/f_10.jpg", "a/f_11.jpg", "a/f_1.jpg")
