"""Messages about a file that was given where a folder of images is needed."""

from pathlib import Path

from engine.core.file_names import is_image_name

_KINDS = {
    ".zip": "an archive",
    ".tar": "an archive",
    ".gz": "an archive",
    ".tgz": "an archive",
    ".7z": "an archive",
    ".rar": "an archive",
    ".csv": "a table",
    ".tsv": "a table",
    ".xlsx": "a table",
    ".json": "a JSON file",
    ".safetensors": "a model file",
}


def describe_file(path: Path) -> str:
    """Return what kind of file this is by its name, such as `an image`; `a file` for other kinds."""
    return "an image" if is_image_name(path.name) else _KINDS.get(path.suffix.lower(), "a file")


def not_a_folder_message(path: Path) -> str:
    """Return a sentence about a file that was given where a folder with one folder of images per class is needed."""
    kind = describe_file(path)
    advice = "Unpack it, and choose" if kind == "an archive" else "Choose"
    return f"This is {kind}, not a folder. {advice} a folder that contains one folder of images per class."
