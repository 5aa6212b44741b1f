"""The script predict.py beside an exported ONNX file, which classifies images without this program."""

from importlib.resources import files
from pathlib import Path

from engine.core.atomic_write import saving, write_text_atomic

_FILE_LINE = 'FILE = "model.onnx"'


def write_script(script: Path, model_name: str) -> None:
    """Write the script for the ONNX file `model_name` in the same folder; raise EngineError if that fails."""
    template = _template()
    assert _FILE_LINE in template
    with saving("The script", script):
        write_text_atomic(script, template.replace(_FILE_LINE, f"FILE = {model_name!a}"))


def script_path(model_path: Path) -> Path:
    """Return the path of the script: `predict.py`, or another name if a foreign file has that name."""
    default_path = model_path.with_name("predict.py")
    if not default_path.exists() or _is_generated(default_path):
        return default_path
    return model_path.with_name(f"predict-{model_path.stem}.py")


def _template() -> str:
    return (files("resources") / "predict.py").read_text(encoding="utf-8")


def _is_generated(path: Path) -> bool:
    # The first line is the same in every version, so that the script of an earlier export is replaced
    first_line = _template().split("\n", 1)[0].encode()
    try:
        with open(path, "rb") as file:
            return file.read(len(first_line)) == first_line
    except OSError:
        return False
