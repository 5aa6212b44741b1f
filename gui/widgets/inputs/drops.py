"""Accept dropped files and images, always as copies."""

from pathlib import Path

from PySide6.QtCore import QMimeData, Qt
from PySide6.QtGui import QDropEvent, QImage
from PySide6.QtWidgets import QLineEdit, QWidget


def accept_copy(event: QDropEvent) -> bool:
    """Accept a drag or a drop of files or of an image as a copy, or ignore it; return whether it was accepted.

    A source whose drop is accepted as a move deletes its files, and most sources propose to move. A source that can
    only move is refused.
    """
    data = event.mimeData()
    if (data.hasUrls() or data.hasImage()) and event.possibleActions() & Qt.DropAction.CopyAction:
        event.setDropAction(Qt.DropAction.CopyAction)
        event.accept()
    else:
        event.ignore()
    return event.isAccepted()


def dropped_paths(data: QMimeData) -> list[Path]:
    """Return the paths of the dropped local files and folders. Web links are ignored."""
    return [Path(url.toLocalFile()) for url in data.urls() if url.isLocalFile()]


def dropped_image(data: QMimeData) -> QImage | None:
    """Return the pixels of a drop without local files, such as an image dragged from a browser; None if it has none."""
    image = data.imageData() if data.hasImage() and not dropped_paths(data) else None
    return image if isinstance(image, QImage) and not image.isNull() else None


def refuse_drops(widget: QWidget) -> None:
    """Leave drops on the text fields in a widget to the window: a text field accepts the names of files as a move."""
    for field in (widget, *widget.findChildren(QLineEdit)):
        field.setAcceptDrops(False)
