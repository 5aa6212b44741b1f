"""Folder names that stand for a split of a dataset, such as `train`, `Validation_Set` or `seg_test`."""

import re
from collections.abc import Sequence
from typing import Literal, TypeAlias

Split: TypeAlias = Literal["train", "val", "test"]
SPLITS: tuple[Split, ...] = ("train", "val", "test")
SplitWord: TypeAlias = Literal["train", "val", "test", "held out"]
"""Meaning of a name. Images that are held out are for validation, or for the test beside a validation folder."""

_WORDS: dict[str, SplitWord] = {
    **dict.fromkeys(("train", "training", "trn", "trainval"), "train"),
    **dict.fromkeys(("val", "valid", "validation", "validate", "validating", "dev", "devel", "development"), "val"),
    **dict.fromkeys(("test", "testing", "tst"), "test"),
    **dict.fromkeys(("eval", "evaluation", "evaluate", "holdout", "heldout"), "held out"),
}
_FILLER = "datasets?|sets?|data|images?|imgs?|pictures?|pics?|photos?|samples?|examples?|splits?|folders?|files?|raw"
_COMPACT = re.compile(rf"(?:{_FILLER})*?({'|'.join(sorted(_WORDS, key=len, reverse=True))})(?:{_FILLER})*")
_GENERIC = re.compile(rf"(?:{_FILLER}|archives?|inputs?|processed|extracted|unzipped|all|full)+")
_FOLD = re.compile(r"(?:k?folds?|splits?|cv|shards?)\d+")
_SESSION = re.compile(
    r"(?:days?|weeks?|months?|years?|sessions?|series|batch(?:es)?|parts?|groups?|cameras?|cams?|devices?|phones?|sites?|"
    r"locations?|patients?|subjects?|persons?|users?|visits?|takes?|scenes?|clips?|videos?|runs?|folders?|sets?|imgs?|"
    r"images?|photos?|pics?)(?:\d+|[a-z])?|(?:19|20)\d\d\d*|\d{5,}"
)


def split_word(name: str) -> tuple[SplitWord, str] | None:
    """Return the split that a folder name stands for, and the rest of the name; None for other names.

    Letter case, digits and words like `set` and `images` do not count. The rest is what `seg_train` and `seg_test`
    have in common; it is empty for a name that stands for a split by itself.
    """
    whole = _COMPACT.fullmatch(_letters(name))
    if whole is not None:
        return _WORDS[whole[1]], ""
    words = [_letters(word) for word in re.split(r"[\W_]+|(?<=[a-z])(?=[A-Z])", name)]
    matches = [_COMPACT.fullmatch(word) for word in words]
    found = [match for match in matches if match is not None]
    if len(found) != 1:
        return None
    rest = " ".join(word for word, match in zip(words, matches) if match is None and word)
    return _WORDS[found[0][1]], rest


def is_split_name(name: str) -> bool:
    """Return True if a folder name stands for a split by itself."""
    word = split_word(name)
    return word is not None and not word[1]


def match_splits(names: Sequence[str]) -> list[SplitWord | None]:
    """Return for each of the folder names beside each other the split that it stands for.

    A name with a rest, such as `seg_train`, counts only beside a name of another split with the same rest.
    """
    words = [split_word(name) for name in names]
    splits_of_rest: dict[str, set[str]] = {}
    for word in words:
        if word is not None:
            splits_of_rest.setdefault(word[1], set()).add(word[0])
    return [word[0] if word and (not word[1] or len(splits_of_rest[word[1]]) > 1) else None for word in words]


def splits_of_names(words: Sequence[SplitWord]) -> list[Split]:
    """Return the split of each of the folders beside each other, given what their names stand for."""
    held_out: Split = "test" if "val" in words else "val"
    return [held_out if word == "held out" else word for word in words]


def is_generic_name(name: str) -> bool:
    """Return True for a name without a meaning for the images, such as `images` or `dataset 2`."""
    return _GENERIC.fullmatch(_letters(name)) is not None


def is_fold_name(name: str) -> bool:
    """Return True for the name of a fold of a cross-validation, such as `fold1` or `split_0`."""
    return _FOLD.fullmatch(_letters_and_digits(name)) is not None


def is_session_name(name: str) -> bool:
    """Return True for a name of a date, a person or a device that took images, such as `2024-05-01` or `camera 2`."""
    return _SESSION.fullmatch(_letters_and_digits(name)) is not None


def is_split_by_folders(paths_and_splits: Sequence[tuple[str, Split]]) -> bool:
    """Return True if each image is in a folder that is named like its split, so that no split was drawn."""
    return all(
        any((word := split_word(folder)) and word[0] in (split, "held out") for folder in path.split("/")[:-1])
        for path, split in paths_and_splits
    )


def _letters(name: str) -> str:
    return re.sub(r"[\W\d_]+", "", name.lower())


def _letters_and_digits(name: str) -> str:
    return re.sub(r"[\W_]+", "", name.lower())
