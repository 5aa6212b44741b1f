"""Tests of the names of copies."""

import pytest

from engine.data.groups.copy_names import are_copies, original_name


@pytest.mark.parametrize(
    ("stem", "original", "kind"),
    [
        ("x", "x", ""),
        ("IMG_0001", "img_0001", ""),
        ("x (1)", "x", "counted"),
        ("IMG_1234(2)", "img_1234", "counted"),
        ("IMG_1234 2", "img_1234", "counted"),
        ("x-copy", "x", "changed"),
        ("x - Copy", "x", "changed"),
        ("x - Copy (2)", "x", "changed"),
        ("x copy 2", "x", "changed"),
        ("x - Kopie", "x", "changed"),
        ("x (copy)", "x", "changed"),
        ("x (another copy)", "x", "changed"),
        ("Copy of x", "x", "changed"),
        ("x~2", "x", "changed"),
        ("x_rot90", "x", "changed"),
        ("x_rot_180", "x", "changed"),
        ("x_flip", "x", "changed"),
        ("x_hflip", "x", "changed"),
        ("x_flip_lr", "x", "changed"),
        ("x_aug_3", "x", "changed"),
        ("x_rot90_flip", "x", "changed"),
        ("x-edited", "x", "changed"),
        ("flip_x", "x", "changed"),
        ("IMG_E1234", "img_1234", "changed"),
        ("x_jpg.rf.0a1b2c3d4e", "x", "derived"),
        ("cat_original_x1.jpg_0a1b2c3d-0000-0000-0000-0a1b2c3d4e5f", "x1", "derived"),
        ("flip", "flip", ""),
        ("20240501_060000", "20240501_060000", ""),
    ],
)
def test_marks_of_copies_are_removed(stem: str, original: str, kind: str) -> None:
    assert original_name(stem) == (original, kind)


@pytest.mark.parametrize(
    ("original", "kinds", "expected"),
    [
        pytest.param("x", ["", "changed", "counted"], True, id="beside the original"),
        pytest.param("img_1", ["changed", "changed"], True, id="a name with a number"),
        pytest.param("x", ["derived", "derived"], True, id="written by a tool"),
        pytest.param("x", [""], False, id="alone"),
        pytest.param("cat", ["changed", "changed"], False, id="a word without its original"),
        pytest.param("1", ["changed", "changed"], False, id="a number without its original"),
        pytest.param("rose", ["", *["counted"] * 40], False, id="bulk renaming"),
        pytest.param("images", ["", *["counted"] * 4], False, id="downloads"),
        pytest.param("leaf", ["", *["changed"] * 30], False, id="too many for a word"),
    ],
)
def test_few_marked_names_are_copies(original: str, kinds: list[str], expected: bool) -> None:
    assert are_copies(original, kinds) == expected
