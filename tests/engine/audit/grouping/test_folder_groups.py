"""Tests of groups by subfolder."""

import pytest

from engine.audit.grouping.folder_groups import Location, group_by_folder, locate
from engine.data.dataset import Sample
from tests.photos import locations


def _num_groups(*folders: str, is_certain: bool = False) -> int:
    paths = [f"{folder}/{number}.jpg" for folder in folders for number in range(2)]
    return len(group_by_folder(locations(*paths), is_certain))


@pytest.mark.parametrize(
    ("folders", "expected"),
    [
        pytest.param("ant/patient1 ant/patient2 bee/patient3", 3, id="patients"),
        pytest.param("ant/site_a ant/site_b bee/site_a", 2, id="sites in several classes"),
        pytest.param("ant/2024-05-01 ant/2024-05-02", 2, id="days"),
        pytest.param("ant/1 ant/2 ant/3 bee/4", 4, id="numbers"),
        pytest.param("ant/images/p1 ant/images/p2 bee/images/p3", 3, id="below a folder that all have"),
        pytest.param("ant/p1/left ant/p1/right ant/p2/left", 2, id="with folders inside"),
        pytest.param("ant/1 ant/2 bee/1", 0, id="two plain numbers"),
        pytest.param("ant/left ant/right ant/top", 0, id="views"),
        pytest.param("ant/raw ant/augmented", 0, id="kinds of images"),
        pytest.param("ant/100CANON ant/101CANON ant/102CANON", 0, id="folders of a camera"),
        pytest.param("ant/images bee/images", 0, id="one folder each"),
        pytest.param("ant bee", 0, id="none"),
    ],
)
def test_subfolders_named_like_patients_sites_or_days_are_groups(folders: str, expected: int) -> None:
    assert _num_groups(*folders.split()) == expected


def test_by_folder_any_subfolders_count() -> None:
    assert _num_groups("ant/left", "ant/right", is_certain=True) == 2
    assert _num_groups("ant", "bee", is_certain=True) == 0


def test_folders_above_the_class_folder_do_not_count() -> None:
    samples = [Sample(f"Data/train/{name}/p1/1.jpg", 0) for name in ("ant", "Bee")]
    assert locate(samples, ["ant", "bee"]) == [Location("ant", ("p1",)), Location("Bee", ("p1",))]
