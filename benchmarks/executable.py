"""Size and start-up time of the standalone program: `python -m benchmarks.executable dist/Classifold`."""

import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

import torch
import tyro
from tyro.conf import Positional

from benchmarks.output import print_header, print_line, print_row

_TORCH_LIBRARIES = ("torch/lib", "nvidia")
_MIN_BYTES = 2e6
_MAX_SECONDS = 60


def main(folder: Positional[Path], /, starts: int = 0) -> None:
    """Print the size of each part, and on request the start-up time.

    Args:
        folder: Folder of the built program.
        starts: Number of times the window is opened; needs a display and xwininfo.
    """
    print_sizes(folder)
    if starts:
        times = [seconds_to_window(folder) for _ in range(starts)]
        spread = f"median of {starts}, {min(times):.2f} to {max(times):.2f}"
        print_line(f"{statistics.median(times):.2f} s until the window is visible ({spread})")


def print_sizes(folder: Path) -> None:
    """Print each part of at least 2 MB, and the total with and without torch's own libraries."""
    sizes: Counter[str] = Counter()
    for path in folder.rglob("*"):
        if path.is_file() and not path.is_symlink():
            sizes[part_of(path.relative_to(folder).as_posix())] += path.stat().st_size
    print_header("part", "")
    for name, size in sizes.most_common():
        if size >= _MIN_BYTES:
            print_row(name, f"{size / 1e6:,.1f} MB")
    print_row("the rest", f"{sum(size for size in sizes.values() if size < _MIN_BYTES) / 1e6:,.1f} MB")
    total, included = sum(sizes.values()), sum(sizes[name] for name in _TORCH_LIBRARIES)
    installed = installed_library_bytes()
    print_line(
        f"{total / 1e6:,.0f} MB in all: {(total - installed) / 1e6:,.0f} MB more than the libraries that pip installs "
        f"with torch ({installed / 1e6:,.0f}), {(total - included) / 1e6:,.0f} MB more than those that are included "
        f"({included / 1e6:,.0f})"
    )


def part_of(path: str) -> str:
    """Return the part of the program that a file belongs to, by its path in the folder."""
    names = path.removeprefix("_internal/").split("/")
    if names[0] == "torch":
        return "torch/lib" if names[1] == "lib" else "torch, the rest"
    if len(names) == 1:
        return "the executable, all modules in Python" if not path.startswith("_internal") else "system libraries"
    return names[0].split("-")[0].removesuffix(".libs")


def installed_library_bytes() -> int:
    """Return the size in bytes of the libraries installed by torch and by NVIDIA's packages that it requires."""
    site = Path(torch.__file__).parents[1]
    folders = (site / "torch" / "lib", site / "nvidia")
    return sum(path.stat().st_size for folder in folders for path in folder.rglob("*.so*") if not path.is_symlink())


def seconds_to_window(folder: Path) -> float:
    """Start the program and return the seconds until its window is visible."""
    with tempfile.TemporaryDirectory() as home:
        start = time.perf_counter()
        program = subprocess.Popen([folder / "Classifold"], env=os.environ | {"CLASSIFOLD_HOME": home})
        while not is_window_visible():
            if program.poll() is not None or time.perf_counter() - start > _MAX_SECONDS:
                raise RuntimeError("The program ended or showed no window in time.")
            time.sleep(0.02)  # polling without a pause would take a core from the program
        seconds = time.perf_counter() - start
        program.terminate()
        program.wait()
    return seconds


def is_window_visible() -> bool:
    """Return whether a window of the program is on the screen."""
    tree = subprocess.run(["xwininfo", "-root", "-children"], check=True, capture_output=True, text=True).stdout
    numbers = [line.split()[0] for line in tree.splitlines() if 'Classifold"' in line]
    states = (subprocess.run(["xwininfo", "-id", number], capture_output=True, text=True).stdout for number in numbers)
    return any("IsViewable" in state for state in states)


if __name__ == "__main__":
    sys.exit(tyro.cli(main))
