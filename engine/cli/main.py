"""The command line, its flags derived from the settings of a run."""

import io
import logging
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Annotated

from tyro.conf import FlagCreatePairsOff, Positional, arg
from tyro.extras import SubcommandApp

from engine import __version__, jobs
from engine.cli import commands
from engine.cli import data as data_commands
from engine.cli import delivery as delivery_commands
from engine.cli import explain as explain_commands
from engine.cli import labels as label_commands
from engine.cli import trust as trust_commands
from engine.cli.console import printable
from engine.cli.output import DONE, print_line
from engine.config.settings import RunConfig, read_config
from engine.core.errors import EngineError
from engine.core.event_stream import StoppedByUserError
from engine.core.log import log_to_rotating_file
from engine.core.paths import default_log_path
from engine.results.export_verification import RUN_EXPORT

FAILED, STOPPED = 1, 130

logger = logging.getLogger(__name__)


def main(argv: Sequence[str] | None = None) -> int:
    """Run a subcommand; return 0 when done, 1 when it failed, 2 for wrong usage, 130 when stopped by the user."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    if isinstance(sys.stdout, io.TextIOWrapper):  # a name that the terminal has no letters for must end nothing
        sys.stdout.reconfigure(errors="backslashreplace")
    if arguments in (["--version"], ["-V"]):
        print_line(f"classifold {__version__}")
        return DONE
    if arguments[:1] == [RUN_EXPORT]:  # not for people: see engine.jobs.run_export
        jobs.run_export(Path(arguments[1]))
        return DONE
    try:
        app = _build_app(_settings_file(arguments))
        code: int = app.cli(prog="classifold", description="Train and use image classifiers.", args=arguments)
    except EngineError as error:
        return _fail(f"{error.message} ({error.path})" if error.path else error.message)
    except StoppedByUserError:
        _fail("Stopped. What was learnt so far is saved.")
        return STOPPED
    except BrokenPipeError:  # the reader of our output, such as `head`, has seen enough
        sys.stderr.close()
        return FAILED
    except SystemExit as end:  # tyro's own: 0 after --help, 2 for wrong usage
        return end.code if isinstance(end.code, int) else FAILED
    except KeyboardInterrupt:
        return STOPPED
    except Exception as error:  # a bug: people get a sentence, the log gets the traceback
        log_to_rotating_file(default_log_path())
        logger.exception("The command failed")
        return _fail(f"Something went wrong inside the program ({type(error).__name__}). Details: {default_log_path()}")
    return code


def _build_app(settings: RunConfig) -> SubcommandApp:
    app = SubcommandApp()
    all_commands: tuple[Callable[..., int], ...] = (
        commands.demo,
        commands.sample,
        data_commands.scan,
        _train_command(settings),
        commands.resume,
        commands.evaluate,
        commands.predict,
        trust_commands.compare,
        trust_commands.report,
        explain_commands.explain,
        explain_commands.robustness,
        delivery_commands.export,
        delivery_commands.sort,
        delivery_commands.unsort,
        delivery_commands.serve,
        commands.runs,
        commands.backbones,
        label_commands.review,
        label_commands.label,
        label_commands.growth,
    )
    for command in all_commands:
        app.command(command)
    app.command(name="test")(trust_commands.measure_test)
    return app


def _train_command(settings: RunConfig) -> Callable[..., int]:
    def train(
        data: Annotated[Positional[Path], arg(metavar="DATA")],
        /,
        out: Path,
        config: Path | None = None,
        events: FlagCreatePairsOff[bool] = False,
        settings: Annotated[RunConfig, arg(name="")] = settings,
    ) -> int:
        """Train a model on a folder of images.

        Args:
            data: Folder with one folder of images a class, or with train/ and val/.
            out: Run folder to make; the model, its settings and its history go there.
            config: JSON file of settings to begin with, such as the config.json of a run.
            events: Print one JSON object a line on stdout, and nothing else there.
            settings: Settings of the run.
        """
        del config  # read before, for its values are the defaults of the flags
        return commands.run_training(data, out, settings, events)

    return train


def _settings_file(arguments: Sequence[str]) -> RunConfig:
    """Return the settings named by --config, or the usual ones."""
    for position, argument in enumerate(arguments):
        name, _, value = argument.partition("=")
        if name == "--config" and arguments[0] == "train":
            following = arguments[position + 1] if position + 1 < len(arguments) else ""
            path = value or following
            return read_config(Path(path)) if path else RunConfig()
    return RunConfig()


def _fail(sentence: str) -> int:
    print(printable(sentence), file=sys.stderr)  # noqa: T201
    return FAILED
