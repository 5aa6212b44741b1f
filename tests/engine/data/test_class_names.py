"""Tests of the order and the matching of class names."""

import unicodedata

import pytest

from engine.data.class_names import match_class_names, natural_key, normalize_class_name

NFC = unicodedata.normalize("NFC", "Käfer")
NFD = unicodedata.normalize("NFD", "Käfer")


@pytest.mark.parametrize(
    ("name", "match"),
    [
        ("ants", "ants"),
        ("Ants", "ants"),
        ("ANTS ", "ants"),
        (NFD, NFC),
        (NFD.upper(), NFC),
        ("sp", "sp."),
        ("sp..", "sp."),
        ("red  rose", "red rose"),
        ("ants\u200f", "ants"),
        ("\ufeffants", "ants"),
        ("STRASSE", "straße"),
        ("ant", None),
        ("A", "A"),
        ("a", "a"),
        ("Ä", None),
    ],
)
def test_a_name_belongs_to_the_class_that_people_take_for_the_same(name: str, match: str | None) -> None:
    classes = ("ants", NFC, "sp.", "red rose", "straße", "A", "a")
    assert match_class_names([name], classes).get(name) == match


def test_letter_case_is_not_ignored_where_it_tells_two_classes_or_two_names_apart() -> None:
    assert match_class_names(["ANTS"], ("ants", "Ants")) == {}
    assert match_class_names(["Ants", "ants"], ("ants",)) == {"ants": "ants"}
    assert match_class_names(["Ants", "ANTS"], ("ants",)) == {}


def test_both_forms_of_a_name_belong_to_one_class() -> None:
    assert match_class_names([NFC, NFD, f"{NFD} "], (NFC,)) == {NFC: NFC, NFD: NFC, f"{NFD} ": NFC}


def test_classes_that_look_the_same_are_matched_exactly_only() -> None:
    assert match_class_names([NFC, NFD, f"{NFC} "], (NFC, NFD)) == {NFC: NFC, NFD: NFD}


def test_the_name_of_a_class_is_composed_and_has_no_blanks_at_its_ends() -> None:
    assert normalize_class_name(f" {NFD} ") == NFC
    assert normalize_class_name("Quercus sp.") == "Quercus sp."
    assert normalize_class_name(" ") == " "


def test_numbers_in_names_are_ordered_by_value() -> None:
    names = ["10", "2", "1", "class 10b", "class 9", "Ants", "ants", "bees", "02", "x10y2", "x9y10", "ü"]
    ordered = ["1", "02", "2", "10", "Ants", "ants", "bees", "class 9", "class 10b", "x9y10", "x10y2", "ü"]
    assert sorted(names, key=natural_key) == ordered


def test_digits_of_other_scripts_are_text() -> None:
    assert sorted(["٢", "²", "3"], key=natural_key)[0] == "3"
