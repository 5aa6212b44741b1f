"""Tests of groups by file name."""

import pytest

from engine.audit.grouping.folder_groups import locate
from engine.audit.grouping.name_groups import group_copies
from engine.data.dataset import Sample
from engine.data.folders.split_names import Split
from tests.photos import groups_by_name

_TIED = [
    "patient00_1 patient00_2|patient01_1 patient01_2",
    "site0e3_1 site0e3_2|site0e4_1 site0e4_2|site0e5_1 site0e5_2",
    "IMG-clip12-frame0007 IMG-clip12-frame0008|IMG-clip13-frame0007 IMG-clip13-frame0008",
    "P001_L_2 P001_R_1|P002_L_1 P002_L_2",
    "person1_bacteria_1 person1_virus_2|person2_virus_1 person2_virus_2",
    "sub-01_run-1_bold sub-01_run-2_bold|sub-02_run-1_bold sub-02_run-2_bold",
    "Patient_1_image_1 Patient_1_image_2|Patient_2_image_1 Patient_2_image_2",
    "video01_000 video01_001|video02_000 video02_001",
    "video_000123_01 video_000123_02|video_000124_01 video_000124_02",
    "frame0001 frame0002 frame0003 frame0004",
    "video_000123 video_000124",
    "holiday_mp4-1 holiday_mp4-2|party_mp4-1 party_mp4-2",
    "GH010042_mp4-1 GH020042_mp4-2",
    "00000001_000 00000001_001|00000002_000 00000002_001|00000003_000 00000003_001",
    "10_left 10_right|11_left 11_right|12_left 12_right",
    "IM-0001-0001 IM-0001-0002|IM-0002-0001 IM-0002-0002|IM-0003-0001 IM-0003-0002",
    "NORMAL2-IM-0001-0001 NORMAL2-IM-0001-0002|NORMAL2-IM-0002-0001 NORMAL2-IM-0002-0002|"
    "NORMAL2-IM-0003-0001 NORMAL2-IM-0003-0002",
    "TCGA-AA-1234-01_512_0 TCGA-AA-1234-01_0_512|TCGA-AB-77-01_0_0 TCGA-AB-77-01_0_512|TCGA-B-1-01_0_0 TCGA-B-1-01_1_1",
    "A01_s1_w1 A01_s2_w1|A02_s1_w1 A02_s2_w1",
    "plate1_A01_s1 plate1_A01_s2|plate1_B01_s1 plate1_B01_s2",
    "r01c02f01p01-ch1sk1fk1fl1 r01c02f02p01-ch1sk1fk1fl1|r01c03f01p01-ch1sk1fk1fl1 r01c03f02p01-ch1sk1fk1fl1",
    "G0010001 G0010002|G0020003 G0020004|G0030005 G0030006",
    "tree12a tree12b|tree13a tree13b|tree14a tree14b",
    "x x_rot90 x_flip",
    "IMG_0001 IMG_0001_flip|IMG_0002 IMG_0002_flip",
    "IMG_1234 IMG_E1234",
    "a_jpg.rf.0a1b2c3d a_jpg.rf.4e5f6a7b|b_jpg.rf.0a1b2c3d b_jpg.rf.4e5f6a7b",
    "患者1_1 患者1_2|患者2_1 患者2_2",
]
_UNTIED = [
    "IMG_0001 IMG_0002 IMG_0003 IMG_0004",
    "IMG_0001 IMG_0500 IMG_0999",
    "DSC01234 DSC01235 DSC01236",
    "DSCN0001 DSCN0002",
    "_MG_1234 _MG_1235",
    "P1010001 P1010002",
    "000001 000002 000003",
    "1 2 3 4 5",
    "20240501_060000 20240501_080000 20240502_060000",
    "IMG_20240501_060000 IMG_20240501_080000",
    "IMG-20240501-WA0003 IMG-20240501-WA0004 IMG-20240502-WA0001",
    "GOPR0001 GOPR0002 GOPR0003",
    "GP010001 GP010002",
    "RCNX0001 RCNX0002",
    "daisy_001 daisy_002 daisy_003",
    "rose1 rose2 rose3",
    "images images(1) images(2) images(3) images(4) images(5)",
    "n01440764_10026 n01440764_10027 n01440764_10029",
    "patient_001 patient_002 patient_003",
    "iphone12_001 iphone12_002 pixel6_001 pixel6_002",
    "flickr_1 flickr_2 google_1 google_2 bing_1 bing_2",
    "2023_001 2023_002 2024_001 2024_002",
    "cat_dark_1 cat_dark_2 cat_dark_3",
    "scan0001 scan0002",
    "10140303196_b88d3d6cec 10466290366_cc72e33532",
]


@pytest.mark.parametrize("names", _TIED)
def test_names_with_a_common_series_are_one_group(names: str) -> None:
    groups = [[f"ant/{name}.jpg" for name in group.split()] for group in names.split("|")]
    others = [f"ant/{name}.jpg" for name in ("IMG_9001", "DSC_77", "99999", "z")]
    found = groups_by_name(*(path for group in groups for path in group), *others)
    assert found == {frozenset(group) for group in groups}


@pytest.mark.parametrize("names", _UNTIED)
def test_names_of_cameras_dates_and_plain_numbers_are_no_groups(names: str) -> None:
    assert groups_by_name(*(f"ant/{name}.jpg" for name in names.split())) == set()


def test_a_patient_is_the_same_one_in_all_folders_and_a_numbered_series_is_not() -> None:
    found = groups_by_name(
        *(f"{name}/patient7_{number}.jpg" for name in ("ant", "bee") for number in range(2)),
        *(f"{name}/patient8_{number}.jpg" for name in ("ant", "bee") for number in range(2)),
        *(f"{name}/e{event}_{number}.jpg" for name in ("ant", "bee") for event in range(4) for number in range(2)),
    )
    assert sorted(len(group) for group in found) == [*[2] * 8, 4, 4]


def test_a_series_continues_in_another_folder_with_other_numbers() -> None:
    paths = [f"{('ant', 'bee')[number % 2]}/e{event}_{number}.jpg" for event in range(4) for number in range(5)]
    assert sorted(len(group) for group in groups_by_name(*paths)) == [5] * 4
    frames = [f"{('ant', 'bee')[number > 4]}/frame{number}.jpg" for number in range(9)]
    assert groups_by_name(*frames) == {frozenset(frames)}


def test_a_patient_is_recognised_behind_the_name_of_the_class() -> None:
    paths = [f"{name}/{name}_patient{p}_{n}.jpg" for name in ("ant", "bee") for p in (1, 2) for n in range(2)]
    assert sorted(len(group) for group in groups_by_name(*paths)) == [4, 4]


def test_a_prefix_that_is_another_name_of_the_class_is_no_group() -> None:
    assert groups_by_name(*(f"person{c}/person{c}_{number}.jpg" for c in "12" for number in range(5))) == set()
    assert groups_by_name(*(f"{name}/subject{name[0]}_{n}.jpg" for name in ("ant", "bee") for n in range(5))) == set()


def test_augmented_copies_in_a_folder_of_their_own_belong_to_the_original() -> None:
    found = groups_by_name("ant/original/x.jpg", "ant/augmented/x_flip.jpg", "ant/original/y.jpg")
    assert found == {frozenset(("ant/original/x.jpg", "ant/augmented/x_flip.jpg"))}


def test_by_name_any_prefix_counts() -> None:
    paths = [f"ant/{name}_{number}.jpg" for name in ("alice", "bob") for number in range(3)]
    assert groups_by_name(*paths) == set()
    assert groups_by_name(*paths, group_by="name") == {frozenset(paths[:3]), frozenset(paths[3:])}
    assert groups_by_name(*(f"ant/IMG_{number}.jpg" for number in range(9)), group_by="name") == set()


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        ("train/ant/ant-000 val/ant/ant-000 test/ant/ant-000", []),
        ("train/ant/ant-000 val/ant/ant-000_flip", [[0, 1]]),
        ("train/ant/ant-000 train/ant/ant-000_flip val/ant/ant-000", [[0, 1]]),
        ("train/ant/ant-000_flip val/ant/ant-000_rot90", [[0, 1]]),
    ],
)
def test_images_of_one_name_in_two_splits_are_copies_only_by_a_mark(names: str, expected: list[list[int]]) -> None:
    splits: dict[str, Split] = {"train": "train", "val": "val", "test": "test"}
    samples = [Sample(f"{name}.jpg", 0, splits[name.split("/")[0]]) for name in names.split()]
    assert group_copies(samples, locate(samples, ["ant"])) == expected
