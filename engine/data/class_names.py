"""Class names: validation, order, and matching of names that people take for the same one.

A class name may be anything that a folder name may be. The same name is stored in different ways: macOS writes accents
decomposed (NFD), Windows drops trailing dots and spaces and ignores letter case, and copied text contains invisible
characters.
"""

import re
import unicodedata
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from typing import Annotated, TypeAlias

from pydantic import AfterValidator, Field

MAX_CLASSES = 10_000
"""Limit of the number of classes, since the confusion matrix has a cell for each pair."""

_INVISIBLE = re.compile(r"[\u00ad\u061c\u200b\u200e\u200f\u202a-\u202e\u2060\u2066-\u2069\ufeff]")
"""Soft hyphen, zero width space, bidirectional and byte order marks. Joiners are kept, as they change the text."""


def normalize_class_name(name: str) -> str:
    """Return the name of the class that a folder stands for: composed (NFC), without blanks at its ends."""
    return unicodedata.normalize("NFC", name).strip() or name


def class_key(name: str) -> str:
    """Return a key that is equal for names that look the same, apart from a dot at the end."""
    visible = _INVISIBLE.sub("", unicodedata.normalize("NFC", name))
    return " ".join(visible.split()).rstrip(". ") or name


def folded_class_key(name: str) -> str:
    """Return a key that is equal for names that differ at most in letter case and as in `class_key`."""
    return unicodedata.normalize("NFC", class_key(name).casefold())


def match_class_names(names: Iterable[str], classes: Sequence[str]) -> dict[str, str]:
    """Match names of folders or of another model with classes.

    A name belongs to the class of the same name, else to the one that looks the same (`class_key`), else to the one
    that differs in letter case only. The last step is taken only if one class and one name come into question.

    Args:
        names: The names to match; several may belong to one class.
        classes: Distinct names of classes.

    Returns:
        The class of each name that has one.
    """
    given = list(dict.fromkeys(names))
    exact = set(classes)
    by_key = _unique(classes, class_key)
    by_folded_key = _unique(classes, folded_class_key)
    keys_of_fold: dict[str, set[str]] = defaultdict(set)
    for name in given:
        keys_of_fold[folded_class_key(name)].add(class_key(name))
    matches: dict[str, str] = {}
    for name in given:
        folded = folded_class_key(name)
        match = name if name in exact else by_key.get(class_key(name))
        if match is None and len(keys_of_fold[folded]) == 1:
            match = by_folded_key.get(folded)
        if match is not None:
            matches[name] = match
    return matches


def _unique(classes: Sequence[str], key: Callable[[str], str]) -> dict[str, str]:
    """Return the classes by key, without those that share their key with another class."""
    grouped: dict[str, list[str]] = defaultdict(list)
    for name in classes:
        grouped[key(name)].append(name)
    return {value: group[0] for value, group in grouped.items() if len(group) == 1}


def natural_key(name: str) -> tuple[list[tuple[int, int, str]], str]:
    """Return a sort key in which numbers count by value, so that '2' comes before '10'; letter case decides last."""
    parts = re.findall(r"([0-9]+)|([^0-9]+)", folded_class_key(name))
    return [(0, int(number), "") if number else (1, 0, text) for number, text in parts], name


def _check_name(name: str) -> str:
    if name in (".", "..") or "/" in name or "\0" in name:
        raise ValueError("this is not a valid folder name")
    return name


def _check_distinct(names: tuple[str, ...]) -> tuple[str, ...]:
    if len(set(names)) < len(names):
        raise ValueError("two classes have the same name")
    return names


ClassName: TypeAlias = Annotated[str, Field(min_length=1, max_length=1024), AfterValidator(_check_name)]
"""Markup and control characters are allowed; they are escaped where names are displayed."""
ClassNames: TypeAlias = Annotated[tuple[ClassName, ...], Field(max_length=MAX_CLASSES), AfterValidator(_check_distinct)]
