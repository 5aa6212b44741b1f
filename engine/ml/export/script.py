"""The script beside an ONNX file that asks it about images, needing none of this program."""

from importlib.resources import files
from pathlib import Path

from engine.core.atomic_write import saving, write_text_atomic

_FILE_LINE = 'FILE = "model.onnx"'


def write_script(script: Path, model_name: str) -> None:
    """Write the script that asks the ONNX file of this name beside it; raise EngineError where the disk refuses."""
    template = _template()
    assert _FILE_LINE in template
    with saving("The script", script):
        write_text_atomic(script, template.replace(_FILE_LINE, f"FILE = {model_name!a}"))


def script_path(model_path: Path) -> Path:
    """Return where the script of a file lies: `predict.py`, unless a file of that name there is not one of ours."""
    usual = model_path.with_name("predict.py")
    return usual if not usual.exists() or _is_ours(usual) else model_path.with_name(f"predict-{model_path.stem}.py")


def _template() -> str:
    return (files("resources") / "predict.py").read_text(encoding="utf-8")


def _is_ours(path: Path) -> bool:
    first_line = _template().split("\n", 1)[0].encode()
    try:
        with open(path, "rb") as file:
            return file.read(len(first_line)) == first_line
    except OSError:
        return False
