"""Output of the benchmarks: lines and Markdown tables."""


def print_line(line: str) -> None:
    """Print a line at once, also into a pipe."""
    print(line, flush=True)  # noqa: T201


def print_header(*titles: str) -> None:
    """Print the header of a Markdown table."""
    print_row(*titles)
    print_line("|" + "---|" * len(titles))


def print_row(*cells: object) -> None:
    """Print a row of a Markdown table."""
    print_line(f"| {' | '.join(str(cell) for cell in cells)} |".replace("  ", " "))


def percent(share: float, digits: int = 0) -> str:
    """Return a share (0..1) as a percentage."""
    return f"{100 * share:.{digits}f} %"
