"""The subcommand serve. It returns the exit code."""

from contextlib import suppress

from engine import jobs
from engine.cli.arguments import ModelArgument, error_limit
from engine.cli.console import Console
from engine.cli.output import DONE, print_event, print_line
from engine.core.event_stream import StoppedByUserError
from engine.core.events import Event, Serving
from engine.results.calibration import DEFAULT_MAX_ERROR
from engine.results.predictions import Prediction
from engine.runs.locate import locate_model


def serve(
    model: ModelArgument,
    /,
    port: int = 8008,
    host: str = "127.0.0.1",
    max_error: float = DEFAULT_MAX_ERROR,
) -> int:
    """Classify images over HTTP: POST an image to /predict, or open the address in a browser. Ctrl-C stops it.

    Args:
        model: A model.safetensors file, or a run folder.
        port: TCP port to listen on. 0: any free port.
        host: Address to listen on. The default accepts connections of this computer only.
        max_error: Maximum error rate (0 to 1) among decided images; less confident ones are `unsure`. 1: no limit.
    """
    console = Console()
    print_other = print_event(console)

    def print_any(event: Event | Prediction) -> None:
        if isinstance(event, Serving):
            print_line(event.url)
            console.print_message(f"Try it: curl --data-binary @image.jpg {event.url}/predict")
        else:
            print_other(event)

    with suppress(StoppedByUserError):  # Ctrl-C is the normal way to end the server
        console.run(jobs.serve(locate_model(model), port, host, error_limit(max_error)), print_any)
    return DONE
