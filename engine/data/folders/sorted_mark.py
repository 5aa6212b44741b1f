"""The file that marks a folder of sorted images, and the folder of images that need a person inside."""

import json
from pathlib import Path

from engine.core.safe_read import check_regular_file

SORTED_MARK = "classifold-sort.jsonl"
"""File in the folder that receives sorted images; see `engine.sorting.undo`."""
REVIEW_NAMES = ("_review", "review")
"""Names that sorting gives to the folder of images that need a person; the second unless a class has it."""
REVIEW_KEY = "review"
"""Key of the first line of the file that holds the name of that folder; versions before 2026-11-27 had none."""
_MAX_LINE_BYTES = 100_000


def review_names(folder: Path) -> tuple[str, ...]:
    """Return the names that the folder of images to review may have in a folder of sorted images, likeliest first."""
    path = folder / SORTED_MARK
    try:
        check_regular_file(path)
        with open(path, "rb") as file:
            header = json.loads(file.readline(_MAX_LINE_BYTES).decode("utf-8-sig"))
    except (OSError, ValueError, RecursionError):
        return REVIEW_NAMES
    name = header.get(REVIEW_KEY) if isinstance(header, dict) else None
    return (name,) if isinstance(name, str) else REVIEW_NAMES
