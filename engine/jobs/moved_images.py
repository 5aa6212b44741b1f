"""Find the images of a run again after they were moved."""

from pathlib import Path

from engine.core.events import Warned
from engine.core.formatting import count
from engine.core.locks import locked
from engine.jobs.base import EventStream
from engine.runs.image_folder import move_images
from engine.runs.run_folder import Run


def find_images(run: Run, data: Path) -> EventStream[Run]:
    """Check that the images of a run are in the folder `data` now, store that in the run folder, and return the run.

    Raises:
        EngineError: The folder holds other images, or the run folder cannot be written to.
    """
    with locked(run.path):
        num_missing = move_images(run, data)
    if num_missing:
        verb = "is" if num_missing == 1 else "are"
        yield Warned(message=f"{count(num_missing, 'image')} of this run {verb} missing or changed.", path=str(data))
    return run
