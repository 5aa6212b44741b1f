"""Read settings from a JSON file."""

from pathlib import Path

from pydantic import ValidationError

from engine.config.settings import RunConfig
from engine.core.errors import EngineError
from engine.core.safe_read import read_text

_MAX_BYTES = 2**20
_MAX_PATH_CHARACTERS = 100


def read_config(path: Path) -> RunConfig:
    """Read settings from a JSON file; raise EngineError if the file cannot be read or is not valid."""
    try:
        return RunConfig.model_validate_json(read_text(path, max_bytes=_MAX_BYTES))
    except OSError as error:
        raise EngineError(f"The settings file could not be read: {error.strerror or error}.", path) from error
    except (ValidationError, UnicodeDecodeError) as error:
        raise EngineError(f"The settings file is not valid: {validation_message(error)}", path) from error


def validation_message(error: ValidationError | UnicodeDecodeError) -> str:
    """Return the first validation error as one sentence that begins with the dotted path of the field."""
    if isinstance(error, UnicodeDecodeError):
        return "it is not saved as UTF-8."
    first = error.errors()[0]
    field = ".".join(str(part) for part in first["loc"])[:_MAX_PATH_CHARACTERS]
    return f"{field}: {first['msg']}." if field else f"{first['msg']}."
