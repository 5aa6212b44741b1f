"""Tests of numbers as text."""

import pytest

from engine.core.events import Progress
from engine.core.formatting import (
    NBSP,
    count,
    duration,
    exact_or_millions,
    listing,
    millions,
    percent,
    plain_number,
    progress_details,
    quoted_listing,
    sentence_about,
    size,
)


def _with_spaces(text: str) -> str:
    return text.replace(NBSP, " ")


@pytest.mark.parametrize(
    ("share", "rounded", "precise"),
    [
        (0.0, "0 %", "0 %"),
        (0.0001, "<0.1 %", "<0.1 %"),
        (0.0041, "0.4 %", "0.4 %"),
        (0.02, "2 %", "2 %"),
        (0.9537, "95 %", "95.4 %"),
        (0.9951, "99.5 %", "99.5 %"),
        (0.9999, ">99.9 %", ">99.9 %"),
        (1 - 1e-15, "100 %", "100 %"),
    ],
)
def test_a_percentage_is_never_rounded_to_0_or_100(share: float, rounded: str, precise: str) -> None:
    assert _with_spaces(percent(share)) == rounded
    assert _with_spaces(percent(share, decimals=1)) == precise


def test_a_count_has_its_noun_in_singular_or_plural() -> None:
    texts = [count(1, "image"), count(12_000, "image"), count(2, "class", "classes"), count(0, "image")]
    assert [_with_spaces(text) for text in texts] == ["1 image", "12,000 images", "2 classes", "0 images"]


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.4, "0 s"),
        (59.4, "59 s"),
        (60, "1 min"),
        (200, "3 min 20 s"),
        (1230, "20 min"),
        (3600, "1 h"),
        (7510, "2 h 5 min"),
    ],
)
def test_a_duration_has_its_two_largest_units(seconds: float, text: str) -> None:
    assert _with_spaces(duration(seconds)) == text


def test_sizes_and_large_numbers_are_short() -> None:
    texts = [
        size(6.1),
        size(2416.6),
        millions(1_505_700),
        millions(25.6e6),
        exact_or_millions(0),
        exact_or_millions(512),
    ]
    assert [_with_spaces(text) for text in texts] == ["6 MB", "2.4 GB", "1.5 M", "25.6 M", "–", "512"]
    assert plain_number(1e-5) == "0.00001"


def test_progress_details_name_speed_and_time_left_as_far_as_they_are_known() -> None:
    training = Progress(stage="train", done=1, total=4, images_per_second=1234.5, seconds_left=200)
    download = Progress(stage="download", done=2_000_000, total=14_000_000)
    assert [_with_spaces(text) for text in progress_details(training)] == ["1,234 images/s", "about 3 min 20 s left"]
    assert [_with_spaces(text) for text in progress_details(download)] == ["2 MB of 14 MB"]
    assert progress_details(Progress(stage="scan", done=0, total=0)) == []


def test_a_long_list_of_names_is_cut_off_with_the_number_of_the_others() -> None:
    assert listing(["ant"]) == "ant"
    assert listing(["ant", "bee"], 2) == "ant and bee"
    assert listing(["ant", "bee", "cat"]) == "ant, bee and cat"
    assert listing(["ant", "bee", "cat", "dog"], 2) == "ant, bee and 2 more"
    assert quoted_listing(["ant", "bee"], total=1200) == "'ant', 'bee' and 1,198 more"


def test_a_sentence_about_names_agrees_with_their_number() -> None:
    template = "[Class|Classes] {names} [has|have] only one training image[| each]."
    assert sentence_about(template, ["a [b|c] {names}"]) == "Class 'a [b|c] {names}' has only one training image."
    names = [f"class {number}" for number in range(1000)]
    first = "'class 0', 'class 1', 'class 2', 'class 3', 'class 4'"
    assert sentence_about(template, names) == f"Classes {first} and 995 more have only one training image each."
