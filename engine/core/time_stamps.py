"""Times of stored results."""

from datetime import UTC, datetime
from pathlib import Path


def now() -> str:
    """Return the UTC time in ISO format, to the second."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def day_of(stamp: str, path: Path) -> str:
    """Return the date in a time stamp, such as 2026-11-27.

    Args:
        stamp: Time in ISO format; empty in files of older versions, which then have the date of the file.
        path: The file.
    """
    return stamp[:10] or datetime.fromtimestamp(path.stat().st_mtime, UTC).date().isoformat()
