"""Tests of the patterns in file names."""

import math
from datetime import UTC, datetime

import pytest

from engine.data.groups.name_patterns import is_group_name, parse_name, time_in_name


@pytest.mark.parametrize(
    ("stem", "subject", "series", "number"),
    [
        # Patients, clips, sites and wells
        ("patient00_1", "patient00", "patient00", 1),
        ("Patient 12 image 3", "patient_12", "patient_12", 3),
        ("P001_L_2", "p001", "p001", 2),
        ("P001_left", "p001", "p001", 0),
        ("person1_bacteria_1", "person1", "person1", 1),
        ("sub-01_ses-02_run-1_bold", "sub_01", "", -1),
        ("site1_patient004_2", "site1_patient004", "site1_patient004", 2),
        ("IMG-clip12-frame0007", "clip12", "img_clip12", 7),
        ("daisy_patient3_01", "patient3", "daisy_patient3", 1),
        ("clip_3_frame_10", "clip_3", "clip_3", 10),
        ("video_000123_05", "video_000123", "video_000123", 5),
        ("2024-05-01_site3_004", "site3", "site3", 4),
        ("site_a_001", "site_a", "", 1),
        ("siteA_001", "sitea", "", 1),
        ("tree12a", "", "tree12", 1),
        ("A01_s3_w1", "a01", "a01", 1),
        ("r01c02f03p01-ch1sk1fk1fl1", "r01c02", "", -1),
        ("患者1_2", "患者1", "患者1", 2),
        # Numbered series
        ("site0e3_2", "", "site0e3", 2),
        ("e0_0", "", "e0", 0),
        ("e3_2", "", "e3", 2),
        ("00000001_000", "", "00000001", 0),
        ("10_left", "", "10", 0),
        ("Mass-Training_P_00016_LEFT_CC", "", "mass_training_p_00016", 0),
        ("0002_c1s1_000451_03", "", "0002_c1s1", 3),
        ("TCGA-AA-1234-01_512_1024", "", "tcga_aa_1234", 1024),
        ("S1_B04_R1_PICT0001", "", "s1_b04", 1),
        ("IM-0001-0002", "", "im_0001", 2),
        ("IMG_0001_1", "", "img_0001", 1),
        ("G0010023", "", "gopro001", 23),
        # Names that belong to no series
        ("IMG_0001", "", "", 1),
        ("IMG_E1234", "", "", 1234),
        ("DSC01234", "", "", 1234),
        ("DSCN0001", "", "", 1),
        ("_MG_1234", "", "", 1234),
        ("P1010001", "", "", 1010001),
        ("RCNX0001", "", "", 1),
        ("GOPR0001", "", "", 1),
        ("GP010001", "", "", 1),
        ("000123", "", "", 123),
        ("daisy_001", "", "", 1),
        ("sunrise141", "", "", 141),
        ("patient_001", "", "", 1),
        ("users_001", "", "", 1),
        ("cases_001", "", "", 1),
        ("n01440764_10026", "", "", 10026),
        ("20240501_060000", "", "", -1),
        ("IMG_20240501_060000", "", "", -1),
        ("IMG-20240501-WA0003", "", "", 3),
        ("WhatsApp Image 2024-05-01 at 06.00.00", "", "", -1),
        ("Screenshot_2024-05-01-06-00-00", "", "", -1),
        ("2024_017", "", "", 17),
        ("IMG_20240501_060000_BURST001_COVER", "", "", -1),
        ("DJI_20240501060000_0001_D", "", "", 0),
        ("Photo 01-05-2024, 06 00 00", "", "", -1),
        ("10140303196_b88d3d6cec_n", "", "", -1),
        ("ISIC_0024306", "", "", 24306),
        ("scan0007", "", "", 7),
        ("", "", "", -1),
        ("___", "", "", -1),
    ],
)
def test_a_file_name_belongs_to_a_series(stem: str, subject: str, series: str, number: int) -> None:
    keys = parse_name(stem)
    assert (keys.subject, keys.series, keys.number) == (subject, series, number)


def test_the_last_part_of_a_series_is_known_too() -> None:
    assert parse_name("site0_e3_2").part == "site0_e3"
    assert parse_name("A01_s3_w1").part == "a01_s3"


@pytest.mark.parametrize(
    ("stem", "film"),
    [("frame0007", "frame"), ("video_000123", "video"), ("holiday_mp4-12", "holiday_mp4"), ("IMG_0001", "")],
)
def test_frames_of_a_film_are_recognised_by_a_word(stem: str, film: str) -> None:
    assert parse_name(stem).film == film


@pytest.mark.parametrize(
    ("stem", "seconds"),
    [
        ("20240501_060000", 0),
        ("PXL_20240501_060000123", 0.123),
        ("IMG_20240501_060007", 7),
        ("IMG_20240501_060007(0)", 7),
        ("2024-05-01 06.00.07", 7),
        ("WhatsApp Image 2024-05-01 at 06.00.07", 7),
        ("Screenshot_2024-05-01-06-00-07", 7),
        ("WIN_20240501_06_00_07_Pro", 7),
        ("00001IMG_00001_BURST20240501060007123_COVER", 7.123),
        ("mmexport1714543207000", 7),
        ("Photo 01-05-2024, 06 00 07", 7),
        ("photo_5@01-05-2024_06-00-07", 7),
    ],
)
def test_a_file_name_may_hold_the_time_of_the_shot(stem: str, seconds: float) -> None:
    morning = datetime(2024, 5, 1, 6, tzinfo=UTC).timestamp()
    assert time_in_name(stem) == pytest.approx(morning + seconds)


@pytest.mark.parametrize(
    "stem", ["IMG_0001", "IMG-20240501-WA0003", "20241301_060000", "20240230_060000", "2024", "12345678901"]
)
def test_other_numbers_are_not_times(stem: str) -> None:
    assert math.isnan(time_in_name(stem))


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("patient07", True),
        ("site_a", True),
        ("Patient B", True),
        ("2024-05-01", True),
        ("12", True),
        ("left", False),
        ("raw", False),
        ("site", False),
    ],
)
def test_folders_of_patients_sites_and_days_are_recognised(name: str, expected: bool) -> None:
    assert is_group_name(name) == expected
