"""Write and read what a run needs to go on behind its last epoch."""

from pathlib import Path
from pickle import UnpicklingError

import torch

from engine.errors import EngineError
from engine.files import write_atomic
from engine.ml.phases import Phase
from engine.ml.session import Session
from engine.stopping import EarlyStopping


def save_training(path: Path, session: Session, phase: Phase) -> None:
    """Write all that is needed to go on behind the last epoch, in one step."""
    averaged = session.averaged
    state = {
        "model": session.setup.model.state_dict(),
        "averaged": None if averaged is None else averaged.state_dict(),
        "optimizer": phase.optimizer.state_dict(),
        "scaler": session.setup.scaler.state_dict(),
        "random": torch.get_rng_state(),
        "stopping": session.stopping.model_dump_json(),
        "epoch": session.epoch,
    }
    try:
        write_atomic(path, lambda temporary: torch.save(state, temporary))
    except OSError as error:
        raise EngineError(f"The run could not be saved: {error.strerror or error}. Free some space.", path) from error


def load_training(path: Path, session: Session, phase: Phase) -> None:
    """Go back to where `save_training` was called; raise EngineError where the file is damaged or does not fit."""
    try:
        state = torch.load(path, weights_only=True, map_location=session.setup.device)
        session.setup.model.load_state_dict(state["model"])
        if session.averaged is not None:
            session.averaged.load_state_dict(state["averaged"])
        phase.optimizer.load_state_dict(state["optimizer"])
        session.setup.scaler.load_state_dict(state["scaler"])
        torch.set_rng_state(state["random"].cpu())
        session.stopping = EarlyStopping.model_validate_json(state["stopping"])
        session.epoch = int(state["epoch"])
    except (OSError, RuntimeError, ValueError, KeyError, TypeError, EOFError, UnpicklingError) as error:
        raise EngineError("The checkpoint of this run is damaged. Delete it and train again.", path) from error
