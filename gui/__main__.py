"""Program entry point: open the window, or run a subcommand without importing Qt."""

import multiprocessing
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from engine.cli.names import SUBCOMMANDS
from engine.core.threads import limit_spinning

NO_DISPLAY = (
    "There is no display to open the window on. Use the command line instead, which has the same functions: "
    "see `classifold --help`."
)


def main(argv: Sequence[str] | None = None) -> int:
    """Run a subcommand, or open the window if there are no arguments or the first is a folder; return the exit code.

    The name of a subcommand is never taken for a folder; `./train` is one.
    """
    _replace_missing_streams()
    _restore_library_path()
    limit_spinning()
    arguments = list(sys.argv[1:] if argv is None else argv)
    if arguments == ["--self-test"]:
        return _run_self_test()
    if arguments and (arguments[0] in SUBCOMMANDS or not Path(arguments[0]).is_dir()):
        return _run_subcommand(arguments)
    if not has_display():
        print(NO_DISPLAY, file=sys.stderr)  # noqa: T201
        return 1
    return _open_window(dataset=Path(arguments[0]) if arguments else None)


def has_display() -> bool:
    """Return whether a window can be shown, which is always the case on Windows and macOS."""
    if not sys.platform.startswith("linux"):
        return True
    return any(os.environ.get(name) for name in ("DISPLAY", "WAYLAND_DISPLAY", "QT_QPA_PLATFORM"))


def _run_subcommand(arguments: list[str]) -> int:
    from engine.cli.main import main as run_command

    if arguments[0] != "demo":
        return run_command(arguments)
    arguments, run_path = _with_run_path(arguments)
    code = run_command(arguments)
    if code == 0 and run_path is not None and has_display() and "QT_QPA_PLATFORM" not in os.environ:
        return _open_window(run_path=run_path)
    return code


def _with_run_path(arguments: list[str]) -> tuple[list[str], Path | None]:
    """Return the arguments with an explicit run folder, and that folder, which the window opens afterwards."""
    from engine.core.file_names import unique_path
    from engine.core.paths import default_runs_folder

    if {"-h", "--help"} & set(arguments):
        return arguments, None
    for position, argument in enumerate(arguments):
        name, _, value = argument.partition("=")
        if name == "--out":
            return arguments, Path(value or "".join(arguments[position + 1 : position + 2]))
    path = unique_path(default_runs_folder() / "demo")
    return [*arguments, "--out", str(path)], path


def _run_self_test() -> int:
    from gui.self_test import run

    return run()


def _open_window(dataset: Path | None = None, run_path: Path | None = None) -> int:
    from gui.app import run

    return run(dataset, run_path)


def _restore_library_path() -> None:
    # The frozen program searches its own libraries first; a browser that it starts must use those of the system
    if getattr(sys, "frozen", False) and sys.platform.startswith("linux"):
        before = os.environ.pop("LD_LIBRARY_PATH_ORIG", None)
        os.environ.pop("LD_LIBRARY_PATH", None)
        if before is not None:
            os.environ["LD_LIBRARY_PATH"] = before


def _replace_missing_streams() -> None:
    # A windowed executable has no standard streams, so printing would fail
    if sys.stdout is None:
        sys.stdout = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115
    if sys.stderr is None:
        sys.stderr = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115


if __name__ == "__main__":
    multiprocessing.freeze_support()  # otherwise a child process of multiprocessing would open a second window
    sys.exit(main())
