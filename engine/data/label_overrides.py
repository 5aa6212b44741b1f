"""Corrections of labels, one JSON line each in the label log. Images are never changed."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Literal, TypeAlias

from pydantic import ConfigDict, Field, ValidationError, model_validator

from engine.core.errors import EngineError
from engine.core.formatting import count, sentence_about
from engine.core.records import ExtensibleModel
from engine.core.relative_path import RelativePath
from engine.core.time_stamps import now
from engine.data.class_names import match_class_names, natural_key
from engine.data.label_log import LABEL_LOG_NAME, Entry, LabelLog, append_entry, read_label_log
from engine.data.similar_paths import SimilarPaths

Action: TypeAlias = Literal["relabel", "exclude", "keep"]
GivenLabel: TypeAlias = tuple[str, str]
"""Path of an image below the root with '/', and its class according to the folders."""


class Decision(ExtensibleModel):
    """A decision of the user about one image. `keep` confirms the label."""

    model_config = ConfigDict(populate_by_name=True)

    path: RelativePath
    action: Action
    class_name: str | None = Field(default=None, alias="class")
    """The new class; only for `relabel`."""
    time: str = ""

    @model_validator(mode="after")
    def _check(self) -> "Decision":
        if (self.action == "relabel") != (self.class_name is not None):
            raise ValueError("a class is needed for relabel and not allowed for other actions")
        return self


def read_decisions(root: Path, paths: Iterable[str] = ()) -> dict[str, Decision]:
    """Return the last decision for each image that was not undone, by path, oldest first.

    Invalid lines, such as an incomplete last one after a crash, and paths outside the folder are skipped.

    Args:
        root: Folder of the dataset.
        paths: Paths of its images. Decisions about another spelling of a path are returned under the path.

    Raises:
        EngineError: The label log exists but cannot be read.
    """
    return last_decisions(read_label_log(root), SimilarPaths(root, paths))


def last_decisions(log: LabelLog, images: SimilarPaths) -> dict[str, Decision]:
    """Return what `read_decisions` does, from a log that was read."""
    decisions: dict[str, Decision] = {}
    for decision in _active_decisions(log.entries):
        path = images.find(decision.path) or decision.path
        decisions.pop(path, None)
        decisions[path] = decision
    return decisions


def append_decision(root: Path, path: str, action: Action, class_name: str | None = None) -> Path:
    """Append a decision to the label log and return the path of that log.

    Raises:
        EngineError: The decision is invalid, or can be written neither to the dataset folder nor to the home folder.
    """
    try:
        decision = Decision(path=path, action=action, class_name=class_name, time=now())
    except ValidationError as error:
        raise EngineError("This image is not in the folder, or it needs a class.", Path(path)) from error
    return append_entry(root, decision.model_dump(by_alias=True, exclude_none=True))


def undo_last_decision(root: Path) -> Decision | None:
    """Undo the last active decision and return it, or None if there is none."""
    active = _active_decisions(read_label_log(root).entries)
    if not active:
        return None
    append_entry(root, {"action": "undo", "time": now()})
    return active[-1]


def apply_decisions(
    given: Sequence[GivenLabel], decisions: Mapping[str, Decision], classes: frozenset[str]
) -> tuple[list[str | None], list[str]]:
    """Apply decisions to labels.

    Args:
        given: Path and given label of each image.
        decisions: Decisions by path.
        classes: Names of all classes.

    Returns:
        The new class of each image, None for an excluded one, and notes for the user.
    """
    class_of = match_class_names(
        [decision.class_name for decision in decisions.values() if decision.class_name is not None], sorted(classes)
    )
    result: list[str | None] = []
    num_excluded = num_relabelled = 0
    unknown: Counter[str] = Counter()
    for path, name in given:
        decision = decisions.get(path)
        new_name = class_of.get(decision.class_name or "") if decision is not None else None
        if decision is None or decision.action == "keep" or new_name == name:
            result.append(name)
        elif decision.action == "exclude":
            num_excluded += 1
            result.append(None)
        elif new_name is not None:
            num_relabelled += 1
            result.append(new_name)
        else:
            unknown[str(decision.class_name)] += 1
            result.append(name)
    return result, [*_summary(num_excluded, num_relabelled), *_note_unknown(unknown)]


def _summary(num_excluded: int, num_relabelled: int) -> list[str]:
    counts = [
        f"{count(num, 'image')} {action}"
        for num, action in ((num_excluded, "excluded"), (num_relabelled, "relabelled"))
        if num
    ]
    return [f"{' and '.join(counts)} by {LABEL_LOG_NAME}."] if counts else []


def _note_unknown(unknown: Counter[str]) -> list[str]:
    """Return at most one sentence about the classes of corrections that do not exist."""
    if not unknown:
        return []
    keep, them = ("keeps its class", "it") if unknown.total() == 1 else ("keep their classes", "them")
    moved = f"{count(unknown.total(), 'image')} {keep}: {LABEL_LOG_NAME} moves {them} to"
    template = f"{moved} the [class|classes] {{names}}, which [does|do] not exist."
    return [sentence_about(template, sorted(unknown, key=natural_key))]


def _active_decisions(entries: Sequence[Entry]) -> list[Decision]:
    active: list[Decision] = []
    for entry in entries:
        if entry.get("action") == "undo":
            del active[-1:]
            continue
        try:
            active.append(Decision.model_validate(entry))
        except ValidationError:
            continue
    return active
