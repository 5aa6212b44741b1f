"""Tests of groups by time."""

import math

import pytest

from tests.photos import MORNING, Photo, num_divided_events, photo_groups


def _by_time(*photos: Photo, gap_seconds: float | None = None) -> list[tuple[str, ...]]:
    _, found = photo_groups(photos, "time", gap_seconds)
    return sorted(group.paths for group in found.groups)


def _events(pause: float, num_events: int = 8, num_shots: int = 5, folder: str = "a") -> list[Photo]:
    """Return events two hours apart, each with shots `pause` seconds apart."""
    return [
        Photo(
            f"{folder}/IMG_{num_shots * event + shot:04}.jpg", MORNING + 7200 * event + pause * shot, event=f"{event}"
        )
        for event in range(num_events)
        for shot in range(num_shots)
    ]


@pytest.mark.parametrize("pause", [0, 0.1, 1, 20, 59, 90, 300])
def test_shots_of_one_event_are_one_group(pause: float) -> None:
    assert [len(paths) for paths in _by_time(*_events(pause))] == [5] * 8


def test_irregular_pauses_do_not_raise_the_gap() -> None:
    pauses = [40, 70, 95, 130, 180, 240, 300, 390, 480, 590, 700, 900, 1300]
    times = [MORNING + sum(pauses[:number]) for number in range(len(pauses) + 1)]
    photos = [Photo(f"a/{number}.jpg", time) for number, time in enumerate(times)]
    assert _by_time(*photos) == [("a/0.jpg", "a/1.jpg")]


def test_a_time_lapse_with_longer_pauses_is_one_group() -> None:
    assert len(_by_time(*(Photo(f"a/f_{number}.jpg", MORNING + 300 * number) for number in range(30)))) == 1


@pytest.mark.parametrize(("gap_seconds", "num_groups"), [(5, 0), (20, 8), (8000, 1), (0, 0)])
def test_the_gap_can_be_set(gap_seconds: float, num_groups: int) -> None:
    assert len(_by_time(*_events(20), gap_seconds=gap_seconds)) == num_groups


def test_long_series_are_grouped_too() -> None:
    (paths,) = _by_time(*(Photo(f"a/f_{number:03}.jpg", MORNING + number) for number in range(500)))
    assert paths == tuple(f"a/f_{number:03}.jpg" for number in range(500))


def test_two_sites_with_the_same_type_of_camera_are_separate() -> None:
    for delay in (0, 1):
        photos = [Photo(f"{c}/IMG_{s:04}.jpg", MORNING + s + delay * (c == "b")) for c in "ab" for s in range(5)]
        assert [paths[0][0] for paths in _by_time(*photos)] == ["a", "b"]


def test_two_cameras_in_one_folder_are_separate() -> None:
    photos = [Photo(f"a/{camera}{s}.jpg", MORNING + s, camera=camera) for camera in "XY" for s in range(3)]
    assert _by_time(*photos) == [("a/X0.jpg", "a/X1.jpg", "a/X2.jpg"), ("a/Y0.jpg", "a/Y1.jpg", "a/Y2.jpg")]
    photos = [Photo(f"a/{serial}{s}.jpg", MORNING + s, serial_hash=serial) for serial in (1, 2) for s in range(3)]
    assert len(_by_time(*photos)) == 2


@pytest.mark.parametrize(("pause", "serial"), [(1, 0), (20, 0), (20, 7), (50, 7)])
def test_a_series_continues_in_another_class_folder(pause: float, serial: int) -> None:
    photos = [Photo(f"{'ab'[s % 2]}/IMG_{s:04}.jpg", MORNING + pause * s, serial_hash=serial) for s in range(6)]
    assert len(_by_time(*photos)) == 1


def test_slow_photos_of_unknown_cameras_in_two_folders_are_separate() -> None:
    photos = [Photo(f"{'ab'[s % 2]}/{'xy'[s % 2]}.{s}.jpg", MORNING + 20 * s) for s in range(6)]
    assert all(len({path[0] for path in paths}) == 1 for paths in _by_time(*photos))


def test_without_camera_groups_stay_within_one_folder() -> None:
    photos = [Photo("a/1.jpg", MORNING, ""), Photo("b/2.jpg", MORNING, ""), Photo("a/3.jpg", MORNING, "")]
    assert _by_time(*photos, Photo("a/z.jpg", math.nan, "")) == [("a/1.jpg", "a/3.jpg")]


def test_a_clock_that_stands_still_makes_no_group() -> None:
    assert _by_time(*(Photo(f"a/{number}.jpg", MORNING) for number in range(100))) == []
    new_year = 946_684_800.0
    assert _by_time(*(Photo(f"a/{number}.jpg", new_year) for number in range(3))) == []
    assert len(_by_time(*(Photo(f"a/{number}.jpg", new_year + number) for number in range(3)))) == 1


def test_a_journey_through_time_zones_does_not_divide_an_event() -> None:
    shots = [Photo(f"a/{s}.jpg", MORNING + s, utc_offset=60) for s in range(3)]
    later = [Photo(f"a/{s}.jpg", MORNING + 3600 + s, utc_offset=120) for s in range(3, 6)]
    assert len(_by_time(*shots, *later)) == 1
    assert len(_by_time(*shots, Photo("a/7.jpg", MORNING + 3604))) == 1


@pytest.mark.parametrize(
    "names",
    [
        ("PXL_20240501_060000123", "PXL_20240501_060002456"),
        ("WhatsApp Image 2024-05-01 at 06.00.00", "WhatsApp Image 2024-05-01 at 06.00.02"),
    ],
)
def test_the_time_in_a_file_name_counts_if_the_photo_has_none(names: tuple[str, str]) -> None:
    other = names[0].replace("06", "09", 1).replace("0501_06", "0501_09")
    photos = [Photo(f"a/{name}.jpg", math.nan, "") for name in (*names, other)]
    assert _by_time(*photos) == [tuple(f"a/{name}.jpg" for name in names)]


def test_photos_without_time_belong_to_those_with_the_numbers_next_to_theirs() -> None:
    photos = _events(1)
    without = {2, 10, 14, 21, 22, 23, 39}
    photos = [
        Photo(photo.path, math.nan if number in without else photo.taken, event=photo.event)
        for number, photo in enumerate(photos)
    ]
    dataset, found = photo_groups(photos)
    grouped = {path for group in found.groups for path in group.paths}
    assert grouped == {photo.path for photo in photos}
    group_of = {path: number for number, group in enumerate(found.groups) for path in group.paths}
    for event in range(8):
        assert len({group_of[photo.path] for photo in photos if photo.event == str(event)}) == 1
    assert num_divided_events(dataset, photos) == 0


def test_single_photos_are_not_tied_by_their_numbers() -> None:
    photos = [Photo(f"a/IMG_{n:04}.jpg", MORNING + 7200 * n if n % 2 else math.nan) for n in range(20)]
    assert _by_time(*photos) == []
