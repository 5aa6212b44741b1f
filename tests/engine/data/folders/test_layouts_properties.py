"""Property tests of layouts: whatever the folders are called, no image vanishes without a word."""

import tempfile
from collections.abc import Sequence
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from engine.core.errors import EngineError
from engine.data.dataset import scan

NAMES = ("train", "Val", "test_set", "dev", "eval", "ant", "Ant", "bee", "images", "fold1", "fold2", "2024", "x")
FOLDERS = ("__MACOSX", "run", "sorted", *NAMES, *NAMES)


@st.composite
def trees(draw: st.DrawFn, depth: int = 4) -> dict[str, object]:
    """Return a tree of folders by name; a number is a number of images."""
    tree: dict[str, object] = {"": draw(st.integers(0, 2))}
    for name in draw(st.lists(st.sampled_from(FOLDERS), max_size=4, unique=True)) if depth else ():
        tree[name] = draw(trees(depth - 1))
    if draw(st.booleans()):
        tree |= {split: {"ant": {"": 1}, "bee": {"": 2}} for split in ("train", "val")}
    return tree


def write_tree(folder: Path, tree: dict[str, object]) -> None:
    """Write a tree of folders and empty images."""
    folder.mkdir(exist_ok=True)
    for name, content in tree.items():
        if isinstance(content, dict):
            write_tree(folder / name, content)
        else:
            for number in range(int(str(content))):
                (folder / f"{number}.jpg").touch()
    if folder.name == "run":
        (folder / "config.json").touch()
        (folder / "events.jsonl").touch()
    if folder.name == "sorted":
        (folder / "classifold-sort.jsonl").touch()


def is_explained(path: str, notes: Sequence[str]) -> bool:
    """Return True if a note names a folder of the image, or only some of the folders that it is about."""
    folders = ["data", *path.split("/")[:-1]]
    return any(f"{name}'" in note for note in notes for name in folders) or any(" more " in note for note in notes)


@given(trees())
def test_each_image_is_used_once_or_a_note_says_why_not(tree: dict[str, object]) -> None:
    with tempfile.TemporaryDirectory() as name:
        root = Path(name).resolve() / "data"
        write_tree(root, tree)
        try:
            dataset = scan(root)
        except EngineError:
            return
        paths = [sample.path for sample in dataset.samples]
        assert len(paths) == len(set(paths))
        assert all((root / path).is_file() for path in paths)
        missing = {path.relative_to(root).as_posix() for path in root.rglob("*.jpg")} - set(paths)
        assert [path for path in sorted(missing) if not is_explained(path, dataset.notes)] == []
        assert min(dataset.counts()) > 0
        assert not any(part in ("run", "sorted", "__MACOSX") for path in paths for part in path.split("/"))
