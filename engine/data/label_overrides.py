"""The journal of corrected labels beside the images: one JSON line a decision, and no image is ever touched."""

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal, TypeAlias

from pydantic import ConfigDict, Field, ValidationError, model_validator

from engine.core.atomic_write import append_line
from engine.core.errors import EngineError
from engine.core.records import ExtensibleModel
from engine.core.relative_path import RelativePath
from engine.core.safe_read import read_text

LABEL_LOG_NAME = "classifold-labels.jsonl"

Action: TypeAlias = Literal["relabel", "exclude", "keep"]
GivenLabel: TypeAlias = tuple[str, str]
"""Path of an image below the root, with '/', and the class it stands in."""


class Decision(ExtensibleModel):
    """What the user decided about one image. `keep` says that its label was looked at and stands."""

    model_config = ConfigDict(populate_by_name=True)

    path: RelativePath
    action: Action
    class_name: str | None = Field(default=None, alias="class")
    """The class it gets; only of `relabel`."""
    time: str = ""

    @model_validator(mode="after")
    def _check(self) -> "Decision":
        if (self.action == "relabel") != (self.class_name is not None):
            raise ValueError("a class belongs to a relabelling and to nothing else")
        return self


def label_log_path(root: Path) -> Path:
    """Return where the journal of a folder lies."""
    return root / LABEL_LOG_NAME


def read_decisions(root: Path) -> dict[str, Decision]:
    """Return what holds now of each image, by path: the last decision that was not undone, the oldest first.

    Lines that are none, such as a last one torn by a crash, and paths that lead out of the folder are passed over.
    Raises EngineError where the journal is there and cannot be read.
    """
    decisions: dict[str, Decision] = {}
    for decision in _standing(root):
        decisions.pop(decision.path, None)
        decisions[decision.path] = decision
    return decisions


def append_decision(root: Path, path: str, action: Action, class_name: str | None = None) -> Decision:
    """Write a decision to the journal and return it; raise EngineError where that cannot be."""
    try:
        decision = Decision(path=path, action=action, class_name=class_name, time=_now())
    except ValidationError as error:
        raise EngineError("This image is not in the folder, or no class was named for it.", Path(path)) from error
    _write_line(root, decision.model_dump(by_alias=True, exclude_none=True))
    return decision


def undo_last_decision(root: Path) -> Decision | None:
    """Take back the last decision that stands and return it, or None where there is none."""
    standing = _standing(root)
    if not standing:
        return None
    _write_line(root, {"action": "undo", "time": _now()})
    return standing[-1]


def apply_decisions(
    filed: Sequence[GivenLabel], decisions: Mapping[str, Decision], classes: frozenset[str]
) -> tuple[list[str | None], list[str]]:
    """Return the class of each image after the decisions, None for one that is left out, and notes about them."""
    result: list[str | None] = []
    num_excluded = num_relabelled = 0
    unknown: dict[str, int] = {}
    for path, name in filed:
        decision = decisions.get(path)
        if decision is None or decision.action == "keep" or decision.class_name == name:
            result.append(name)
        elif decision.action == "exclude":
            num_excluded += 1
            result.append(None)
        elif decision.class_name in classes:
            num_relabelled += 1
            result.append(decision.class_name)
        else:
            unknown[str(decision.class_name)] = unknown.get(str(decision.class_name), 0) + 1
            result.append(name)
    return result, [*_summary(num_excluded, num_relabelled), *map(_unknown_note, unknown.items())]


def _summary(num_excluded: int, num_relabelled: int) -> list[str]:
    parts = [
        f"{num} {'image is' if num == 1 else 'images are'} {word}" if num else ""
        for num, word in ((num_excluded, "excluded"), (num_relabelled, "relabelled"))
    ]
    if num_excluded and num_relabelled:
        parts = [parts[0], f"{num_relabelled} relabelled"]
    told = " and ".join(part for part in parts if part)
    return [f"{told} by {LABEL_LOG_NAME}."] if told else []


def _unknown_note(entry: tuple[str, int]) -> str:
    name, num = entry
    images = "1 image keeps its class" if num == 1 else f"{num} images keep their class"
    return f"{images}: there is no class '{name}', to which {LABEL_LOG_NAME} moves {'it' if num == 1 else 'them'}."


def _standing(root: Path) -> list[Decision]:
    standing: list[Decision] = []
    for line in _lines(root):
        try:
            entry = json.loads(line)
            if isinstance(entry, dict) and entry.get("action") == "undo":
                del standing[-1:]
            else:
                standing.append(Decision.model_validate(entry))
        except (ValueError, RecursionError):
            continue
    return standing


def _lines(root: Path) -> list[str]:
    try:
        return read_text(label_log_path(root), errors="replace").split("\n")
    except FileNotFoundError:
        return []
    except OSError as error:
        sentence = f"The corrected labels cannot be read: {error.strerror or error}."
        raise EngineError(sentence, label_log_path(root)) from error


def _write_line(root: Path, entry: Mapping[str, object]) -> None:
    path = label_log_path(root)
    try:
        append_line(path, json.dumps(entry, ensure_ascii=False))
    except OSError as error:
        sentence = "Corrections are kept beside the images, and this folder cannot be written to. Copy it elsewhere."
        raise EngineError(sentence, path) from error


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
