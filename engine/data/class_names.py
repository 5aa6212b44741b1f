"""What a class can be called: whatever a folder can."""

from typing import Annotated, TypeAlias

from pydantic import AfterValidator, Field

MAX_CLASSES = 10_000
"""Classes of the largest model: its confusion matrix has a number for each pair of them."""


def _check_name(name: str) -> str:
    if name in (".", "..") or "/" in name or "\0" in name:
        raise ValueError("no folder can have this name")
    return name


def _check_distinct(names: tuple[str, ...]) -> tuple[str, ...]:
    if len(set(names)) < len(names):
        raise ValueError("two classes have the same name")
    return names


ClassName: TypeAlias = Annotated[str, Field(min_length=1, max_length=1024), AfterValidator(_check_name)]
"""Markup, control characters and the like are names as others are: they are made harmless where they are shown."""
ClassNames: TypeAlias = Annotated[tuple[ClassName, ...], Field(max_length=MAX_CLASSES), AfterValidator(_check_distinct)]
