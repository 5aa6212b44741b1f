"""Records of a walk through a folder of images: a tree of folders, and what was skipped."""

import os
from collections.abc import Iterator
from dataclasses import dataclass, field

from engine.core.path_text import path_to_text


@dataclass(slots=True, eq=False)
class Folder:
    """A folder, with its image files and subfolders."""

    path: str
    """Path as it was reached, below the root of the walk."""
    real_path: str
    parent: "Folder | None" = None
    images: list[str] = field(default_factory=list)
    """Paths of the image files directly inside."""
    folders: list["Folder"] = field(default_factory=list)
    num_images: int = 0
    """Number of image files directly inside and in all folders below."""
    num_other_files: int = 0
    """Number of visible files directly inside with another suffix than that of an image."""
    without_suffix: list[str] = field(default_factory=list)
    """Paths of the visible files directly inside that have no suffix."""

    @property
    def name(self) -> str:
        """Name of the folder as text."""
        return path_to_text(os.path.basename(self.path))

    @property
    def filled(self) -> list["Folder"]:
        """Subfolders that contain images, also deeper ones."""
        return [folder for folder in self.folders if folder.num_images]

    @property
    def is_structured(self) -> bool:
        """True if most images are in subfolders."""
        return self.num_images > 2 * len(self.images)

    def with_subfolders(self) -> Iterator["Folder"]:
        """Yield the folder and all folders below."""
        waiting = [self]
        while waiting:
            folder = waiting.pop()
            yield folder
            waiting += reversed(folder.folders)


@dataclass(slots=True)
class Walk:
    """Result of a walk. Paths in the lists are as they were reached."""

    top: Folder
    unreadable: list[str] = field(default_factory=list)
    """Folders that cannot be read."""
    runs: list[str] = field(default_factory=list)
    """Run folders of this program, which are skipped."""
    sorted_folders: list[str] = field(default_factory=list)
    """Folders that received sorted images, which are skipped."""
    review_folders: list[str] = field(default_factory=list)
    """The folder of images to review in a folder of sorted images; it is no class."""
    hidden: list[str] = field(default_factory=list)
    """Hidden folders and folders of the system that contain images; they are skipped."""
    repeated: list[tuple[str, str]] = field(default_factory=list)
    """Links to folders that the walk has read, or that contain the link; they are skipped. With their targets."""
    linked_images: dict[str, str] = field(default_factory=dict)
    """Real path of each image file that is a link."""
