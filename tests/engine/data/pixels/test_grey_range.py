"""Tests of the ranges of a dataset of images with more than 8 bits per channel."""

import pytest

from engine.data.pixels.grey_range import GreyRanges, Range, SampleValues, describe_grey_ranges, find_grey_ranges


def _integers(*extremes: Range, display: Range | None = None, encoding: Range | None = None) -> list[SampleValues]:
    return [SampleValues("integer", *pair, pair[1], encoding, display) for pair in extremes]


@pytest.mark.parametrize(
    ("extremes", "expected"),
    [
        ([(0, 3276)], (0, 3276)),
        ([(10, 300), (20, 3276)], (0, 3276)),
        ([(0, 65535), (0, 90)], (0, 65535)),
        ([(-1024, 900), (-20, 3071)], (-1024, 3071)),
        ([(31000, 33000), (32000, 35000)], (31000, 35000)),
        ([(0, 200_000)], (0, 200_000)),
        ([(0, 0), (0, 0)], None),
    ],
)
def test_white_is_the_highest_value_of_all_images(extremes: list[Range], expected: Range | None) -> None:
    assert find_grey_ranges(_integers(*extremes)).integer == expected


@pytest.mark.parametrize(
    ("low", "high", "bright", "expected"),
    [
        (0, 65535, 3000, (0, 12_000)),
        (0, 65535, 16_384, (0, 65535)),
        (0, 500, 1.25, (0, 5)),
        (-1, 1000, 1, (-1, 7)),
        (0, 1000, 0, (0, 1000)),
        (0, 1.0001, 1, (0, 1.0001)),
    ],
)
def test_a_few_bright_pixels_do_not_make_all_others_dark(
    low: float, high: float, bright: float, expected: Range
) -> None:
    images = [SampleValues("floating", low, high, bright), SampleValues("floating", max(0, low), bright, bright)]
    assert find_grey_ranges(images).floating == expected


def test_integers_and_floats_have_their_own_ranges() -> None:
    floats = [SampleValues("floating", 0.0, 1.0001, 1.0), SampleValues("floating", 0.1, 0.4, 0.4)]
    assert find_grey_ranges([*_integers((0, 4000)), *floats]) == GreyRanges(integer=(0, 4000), floating=(0, 1.0001))
    assert find_grey_ranges([]) == GreyRanges()


def test_a_range_for_display_that_all_images_share_is_used() -> None:
    shared = (0.0, 4095.0)
    assert find_grey_ranges(_integers((0, 900), (5, 300), display=shared)).integer == shared
    assert find_grey_ranges(_integers((0, 900), (5, 5000), display=shared)).integer == (0, 5000)
    different = _integers((0, 900), display=shared) + _integers((0, 300), display=(0, 300))
    assert find_grey_ranges(different).integer == (0, 900)
    partly = _integers((0, 900), display=shared) + _integers((0, 300))
    assert find_grey_ranges(partly).integer == (0, 900)


def test_images_that_state_their_encoding_do_not_widen_the_range() -> None:
    stated = _integers((0, 60_000), encoding=(0, 65535))
    assert find_grey_ranges([*stated, *_integers((0, 800))]).integer == (0, 800)
    assert find_grey_ranges(stated).integer is None


def test_the_conversion_is_described() -> None:
    images = [*_integers(*[(0.0, 3276.0)] * 120), SampleValues("floating", -0.25, 1.5, 1.5)]
    stated = _integers((0, 9), (0, 9), encoding=(0, 4095))
    assert describe_grey_ranges(find_grey_ranges(images), [*images, *stated]) == [
        "120\N{NO-BREAK SPACE}images have integers of more than 8 bits: 0 to 3,276 become black to white.",
        "1\N{NO-BREAK SPACE}image has floating-point numbers: -0.25 to 1.5 become black to white.",
        "2\N{NO-BREAK SPACE}images state the range of the greys in the file.",
    ]
    assert describe_grey_ranges(GreyRanges(), []) == []
