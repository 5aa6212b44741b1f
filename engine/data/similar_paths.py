"""Find images by a path that is spelled differently: in another Unicode form, or in another letter case."""

import unicodedata
from collections.abc import Iterable
from pathlib import Path

from engine.core.path_text import decode_path_text
from engine.core.paths import is_same_file


class SimilarPaths:
    """The images of a dataset, by the spelling of their paths.

    Args:
        root: Folder of the dataset.
        paths: Paths of its images below `root`, with '/'.
    """

    def __init__(self, root: Path, paths: Iterable[str]) -> None:
        self._root = root
        self._paths = frozenset(paths)
        self._by_fold: dict[str, list[str]] = {}

    def find(self, path: str) -> str | None:
        """Return the image that a path means, or None.

        A path in another Unicode form means the image if there is one only, as the text looks the same. A path in
        another letter case does so if the file system ignores it, so that it leads to the same file.
        """
        if path in self._paths:
            return path
        if not self._by_fold:
            for known in self._paths:
                self._by_fold.setdefault(_fold(known), []).append(known)
        similar = self._by_fold.get(_fold(path), [])
        file = self._file(path)
        matches = [known for known in similar if _compose(known) == _compose(path)] or [
            known for known in similar if is_same_file(self._file(known), file)
        ]
        return matches[0] if len(matches) == 1 else None

    def _file(self, path: str) -> Path:
        return self._root / decode_path_text(Path(path))


def _compose(path: str) -> str:
    return unicodedata.normalize("NFC", path)


def _fold(path: str) -> str:
    return _compose(_compose(path).casefold())
