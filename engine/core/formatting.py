"""Numbers as text for window, report and command line: percentages, counts, durations and sizes."""

import re
from collections.abc import Sequence

from engine.core.events import Progress

NBSP = "\N{NO-BREAK SPACE}"


def percent(share: float, decimals: int = 0) -> str:
    """Return a share (0..1) in percent, such as `95 %`.

    One decimal is always used below 1 % and above 99 %. A share other than 0 and 1 is never rounded to 0 % or 100 %:
    it becomes `<0.1 %` or `>99.9 %`.
    """
    figure = share * 100
    is_near_limit = 0 < figure < 1 or 99 < figure < 100
    text = f"{figure:.{max(decimals, 1) if is_near_limit else decimals}f}"
    if is_near_limit and text in ("0.0", "100.0"):
        text = {0.0: "0", 1.0: "100"}.get(round(share, 9), "<0.1" if share < 0.5 else ">99.9")
    return f"{text.removesuffix('.0')}{NBSP}%"


def count(number: int, singular: str, plural: str = "") -> str:
    """Return a number with its noun: `1 image`, `12,000 images`. The default plural is the singular with an s."""
    return f"{number:,}{NBSP}{singular if number == 1 else plural or singular + 's'}"


def listing(names: Sequence[str], limit: int = 5, total: int | None = None) -> str:
    """Return an enumeration: `ant, bee and cat`, or `ant, bee and 3 more` for more names than the limit.

    Args:
        names: All names, or the first of them.
        limit: Number of names to show.
        total: Number of all names, if `names` are only the first of them.
    """
    shown = list(names[:limit])
    num_more = (len(names) if total is None else total) - len(shown)
    if num_more > 0:
        shown.append(f"{num_more:,} more")
    return " and ".join(filter(None, [", ".join(shown[:-1]), *shown[-1:]]))


def quoted_listing(names: Sequence[str], limit: int = 5, total: int | None = None) -> str:
    """Return what `listing` does with each name in quotes: `'ant', 'bee' and 3 more`."""
    return listing([f"'{name}'" for name in names[:limit]], limit, len(names) if total is None else total)


def sentence_about(template: str, names: Sequence[str]) -> str:
    """Return one sentence about any number of names, such as `Classes 'ant' and 'bee' have no images.`

    Args:
        template: The sentence with `{names}`, and words that agree with their number as `[singular|plural]`, such as
            `[Class|Classes] {names} [has|have] no images.`
        names: One name or more.
    """
    number = 1 if len(names) == 1 else 2
    text = re.sub(r"\[([^]|]*)\|([^]|]*)\]", lambda match: match[number], template)
    return text.replace("{names}", quoted_listing(names))


def duration(seconds: float) -> str:
    """Return a duration in its two largest units: `42 s`, `3 min 20 s`, `2 h 5 min`."""
    whole = max(0, round(seconds))
    if whole < 60:
        return f"{whole}{NBSP}s"
    if whole < 3600:
        minutes, rest = divmod(whole, 60)
        return f"{minutes}{NBSP}min" + (f" {rest}{NBSP}s" if rest and minutes < 10 else "")
    hours, rest = divmod(round(whole / 60), 60)
    return f"{hours}{NBSP}h" + (f" {rest}{NBSP}min" if rest else "")


def size(megabytes: float) -> str:
    """Return a file size with two or three digits."""
    if megabytes >= 1000:
        return f"{megabytes / 1000:.1f}{NBSP}GB"
    return f"{megabytes:.0f}{NBSP}MB"


def progress_details(event: Progress) -> list[str]:
    """Return the speed and the time left of a job, such as `["120 images/s", "about 3 min 20 s left"]`."""
    details = []
    if event.stage == "download" and event.total:
        details.append(f"{size(event.done / 1e6)} of {size(event.total / 1e6)}")
    if event.images_per_second:
        details.append(f"{event.images_per_second:,.0f} images/s")
    if event.seconds_left is not None:
        details.append(f"about {duration(event.seconds_left)} left")
    return details


def millions(number: float) -> str:
    """Return a number in millions (M) or thousand millions (G) with two or three digits."""
    figure = number / 1e6
    if figure >= 1000:
        return f"{figure / 1000:.3g}{NBSP}G" if figure < 1e6 else f"{figure / 1000:,.0f}{NBSP}G"
    return (
        f"{figure:.0f}{NBSP}M" if figure >= 100 else f"{figure:.2g}{NBSP}M" if figure < 10 else f"{figure:.3g}{NBSP}M"
    )


def exact_or_millions(number: int) -> str:
    """Return a dash for zero, a number below 100,000 exactly, and a larger one in millions."""
    return "–" if not number else f"{number:,}" if number < 100_000 else millions(number)


def plain_number(number: float) -> str:
    """Return a number without exponent and trailing zeros."""
    return f"{number:.10f}".rstrip("0").rstrip(".") or "0"
