"""The command line: subcommands, exit codes, and flags derived from the settings of a run."""

import io
import logging
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from tyro.extras import SubcommandApp

from engine import __version__, jobs
from engine.cli import data, evaluation, explain, export, labels, prediction, runs, serving, sorting, training
from engine.cli.arguments import UsageError
from engine.cli.console import printable
from engine.cli.output import DONE, print_line
from engine.config.settings import RunConfig
from engine.config.settings_file import read_config
from engine.core.errors import EngineError
from engine.core.event_stream import StoppedByUserError
from engine.core.log import log_to_rotating_file
from engine.core.paths import default_log_path
from engine.results.export_verification import RUN_EXPORT
from engine.runs.locate import locate_run

FAILED, WRONG_USAGE, STOPPED = 1, 2, 130

logger = logging.getLogger(__name__)


def main(argv: Sequence[str] | None = None) -> int:
    """Run a subcommand.

    Args:
        argv: The arguments; None: those of the process.

    Returns:
        The exit code: 0 done, 1 failed, 2 wrong usage, 130 stopped by the user.
    """
    arguments = list(sys.argv[1:] if argv is None else argv)
    _prepare_stdout()
    if arguments in (["--version"], ["-V"]):
        print_line(f"classifold {__version__}")
        return DONE
    if arguments[:1] == [RUN_EXPORT]:  # internal: the program starts itself this way, see engine.jobs.run_export
        jobs.run_export(Path(arguments[1]))
        return DONE
    try:
        app = _build_app(_default_settings(arguments), arguments)
        code: int = app.cli(prog="classifold", description="Train and use image classifiers.", args=arguments)
    except EngineError as error:
        return _print_error(f"{error.message} ({error.path})" if error.path else error.message, FAILED)
    except UsageError as error:
        return _print_error(str(error), WRONG_USAGE)
    except StoppedByUserError:
        return _print_error("Stopped. The progress so far is saved.", STOPPED)
    except BrokenPipeError:  # the reader of the output, such as `head`, has ended
        sys.stderr.close()
        return FAILED
    except SystemExit as end:  # raised by tyro: 0 after --help, 2 for wrong usage
        return end.code if isinstance(end.code, int) else FAILED
    except KeyboardInterrupt:
        return STOPPED
    except Exception as error:  # a bug: the user gets a sentence, the log gets the traceback
        log_to_rotating_file(default_log_path())
        logger.exception("The command failed")
        return _print_error(f"Unexpected error ({type(error).__name__}). Details: {default_log_path()}", FAILED)
    return code


def _prepare_stdout() -> None:
    if not isinstance(sys.stdout, io.TextIOWrapper):
        return
    # JSON is ASCII, which is the same bytes in UTF-8 and in all encodings of consoles but UTF-16
    is_ascii = "{".encode(sys.stdout.encoding) == b"{"
    # File names that the terminal cannot encode must not raise an error
    sys.stdout.reconfigure(encoding=None if is_ascii else "utf-8", errors="backslashreplace")


def _build_app(settings: RunConfig, arguments: Sequence[str]) -> SubcommandApp:
    app = SubcommandApp()
    commands: tuple[Callable[..., int], ...] = (
        training.demo,
        data.sample,
        data.scan,
        training.train_command(settings, arguments),
        training.resume,
        evaluation.evaluate,
        prediction.predict,
        evaluation.compare,
        runs.report,
        explain.explain,
        evaluation.robustness,
        evaluation.learning_curve,
        export.export,
        sorting.sort,
        serving.serve,
        runs.runs,
        runs.backbones,
        labels.review,
        labels.relabel,
    )
    for command in commands:
        app.command(command)
    app.command(name="test")(evaluation.evaluate_on_test_set)
    return app


def _default_settings(arguments: Sequence[str]) -> RunConfig:
    """Return the defaults of the flags of `train`: the settings in the file of --config, or the built-in ones."""
    for position, argument in enumerate(arguments):
        name, _, value = argument.partition("=")
        if name == "--config" and arguments[0] == "train":
            following = arguments[position + 1] if position + 1 < len(arguments) else ""
            path = value or following
            return read_config(_config_path(Path(path))) if path else RunConfig()
    return RunConfig()


def _config_path(path: Path) -> Path:
    """Return the settings file that a path means: a JSON file, or the settings of the run in a folder."""
    return locate_run(path).config_path if os.path.isdir(path) else path


def _print_error(sentence: str, exit_code: int) -> int:
    print(printable(sentence), file=sys.stderr)  # noqa: T201
    return exit_code
