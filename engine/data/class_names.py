"""Validation of class names, which may be anything that a folder name may be."""

from typing import Annotated, TypeAlias

from pydantic import AfterValidator, Field

MAX_CLASSES = 10_000
"""Limit of the number of classes, since the confusion matrix has a cell for each pair."""


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
