"""`python -m benchmarks.executable dist/Classifold`: what the standalone program weighs, when its window is there."""

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

from benchmarks.__main__ import say

_TORCH = ("torch/lib", "nvidia")
_MOST_SECONDS = 60


def main(folder: Positional[Path], /, starts: int = 0) -> None:
    """Weigh the program by its parts.

    Args:
        folder: The built folder.
        starts: How often to start the window, on a display; xwininfo says when it is to be seen.
    """
    weigh(folder)
    if starts:
        times = [seconds_to_window(folder) for _ in range(starts)]
        spread = f"median of {starts}, {min(times):.2f} to {max(times):.2f}"
        say(f"window visible after {statistics.median(times):.2f} s ({spread})")


def weigh(folder: Path) -> None:
    """Print each part of 2 MB and more, and what is left when torch's own libraries are taken away."""
    sizes: Counter[str] = Counter()
    for path in folder.rglob("*"):
        if path.is_file() and not path.is_symlink():
            sizes[part_of(path.relative_to(folder).as_posix())] += path.stat().st_size
    for name, size in sizes.most_common():
        if size >= 2e6:
            say(f"| {name} | {size / 1e6:,.1f} MB |")
    say(f"| the rest | {sum(size for size in sizes.values() if size < 2e6) / 1e6:,.1f} MB |")
    total, shipped, installed = sum(sizes.values()), sum(sizes[name] for name in _TORCH), installed_libraries()
    for words, libraries in (("pip installs with torch", installed), ("of torch here", shipped)):
        say(f"{total / 1e6:,.0f} MB: {(total - libraries) / 1e6:,.0f} beside those {words}, {libraries / 1e6:,.0f}")


def part_of(path: str) -> str:
    """Return which part of the program a file belongs to."""
    parts = path.removeprefix("_internal/").split("/")
    if parts[0] == "torch":
        return "torch/lib" if parts[1] == "lib" else "torch, the rest"
    if len(parts) == 1:
        return "the executable, all modules in Python" if not path.startswith("_internal") else "system libraries"
    return parts[0].split("-")[0].removesuffix(".libs")


def installed_libraries() -> int:
    """Return the bytes of the libraries that torch and the packages of NVIDIA it needs have installed."""
    site = Path(torch.__file__).parents[1]
    folders = (site / "torch" / "lib", site / "nvidia")
    return sum(path.stat().st_size for folder in folders for path in folder.rglob("*.so*") if not path.is_symlink())


def seconds_to_window(folder: Path) -> float:
    """Return how long the window takes to be seen."""
    with tempfile.TemporaryDirectory() as home:
        started = time.perf_counter()
        program = subprocess.Popen([folder / "Classifold"], env=os.environ | {"CLASSIFOLD_HOME": home})
        while not is_seen():
            if program.poll() is not None or time.perf_counter() - started > _MOST_SECONDS:
                raise RuntimeError("no window came")
            time.sleep(0.02)  # looking costs a core, which the program is to have
        seconds = time.perf_counter() - started
        program.terminate()
        program.wait()
    return seconds


def is_seen() -> bool:
    """Say whether a window of the program is on the screen."""
    tree = subprocess.run(["xwininfo", "-root", "-children"], check=True, capture_output=True, text=True).stdout
    numbers = [line.split()[0] for line in tree.splitlines() if '"Classifold"' in line]
    states = (subprocess.run(["xwininfo", "-id", number], capture_output=True, text=True).stdout for number in numbers)
    return any("IsViewable" in state for state in states)


if __name__ == "__main__":
    sys.exit(tyro.cli(main))
