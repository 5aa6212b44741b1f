"""Grid of thumbnails that scrolls smoothly with ten thousand images."""

from collections.abc import Sequence

from PySide6.QtCore import QModelIndex, QPersistentModelIndex, QRect, QSize, Qt, Signal
from PySide6.QtGui import QFontMetrics, QImage, QPainter, QPainterPath, QPen
from PySide6.QtWidgets import QListView, QStyle, QStyledItemDelegate, QStyleOptionViewItem, QWidget

from gui import theme
from gui.models.image_model import THUMBNAIL_SIDE, GridItem, ImageModel
from gui.theme import GRID, RADIUS

__all__ = ["GridItem", "ImageGrid"]


class ImageGrid(QListView):
    """Grid of square thumbnails with captions. A click, Enter or Space opens an image."""

    opened = Signal(int)
    """Emitted with the row of the image."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._images = ImageModel(parent=self)
        self._delegate = _ThumbnailDelegate(self)
        self.setModel(self._images)
        self.setItemDelegate(self._delegate)
        self.setViewMode(QListView.ViewMode.IconMode)
        self.setUniformItemSizes(True)
        self.setResizeMode(QListView.ResizeMode.Adjust)
        self.setMovement(QListView.Movement.Static)
        self.setLayoutMode(QListView.LayoutMode.SinglePass)
        self.setVerticalScrollMode(QListView.ScrollMode.ScrollPerPixel)
        self.setSpacing(GRID // 2)
        self.setMouseTracking(True)
        self.setFrameShape(QListView.Shape.NoFrame)
        self.setAccessibleName("Images")
        self.setToolTip("Click an image or press Enter to enlarge it")
        self.clicked.connect(lambda index: self.opened.emit(index.row()))

    @property
    def items(self) -> Sequence[GridItem]:
        """The items shown."""
        return self._images.items

    def set_items(self, items: Sequence[GridItem]) -> None:
        """Replace the items and scroll to the top."""
        self._images.set_items(items)
        self.scrollToTop()

    def keyPressEvent(self, event) -> None:  # type: ignore[no-untyped-def]
        """Open the current image on Enter or Space."""
        if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter, Qt.Key.Key_Space) and self.currentIndex().isValid():
            self.opened.emit(self.currentIndex().row())
            return
        super().keyPressEvent(event)


class _ThumbnailDelegate(QStyledItemDelegate):
    def sizeHint(self, option: QStyleOptionViewItem, index: QModelIndex | QPersistentModelIndex) -> QSize:
        height = QFontMetrics(theme.small_font(option.font)).height()
        return QSize(THUMBNAIL_SIDE + GRID, THUMBNAIL_SIDE + height + GRID + GRID // 2)

    def paint(
        self, painter: QPainter, option: QStyleOptionViewItem, index: QModelIndex | QPersistentModelIndex
    ) -> None:
        colors = theme.colors(option.palette)
        cell: QRect = option.rect
        state = option.state
        thumbnail_rect = QRect(cell.left() + GRID // 2, cell.top() + GRID // 2, THUMBNAIL_SIDE, THUMBNAIL_SIDE)
        painter.save()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        self._paint_thumbnail(painter, thumbnail_rect, index, colors)
        if index.data(ImageModel.MarkedRole):
            painter.setPen(QPen(colors.danger, 2))
            painter.drawRoundedRect(thumbnail_rect.adjusted(1, 1, -1, -1), RADIUS, RADIUS)
        if state & (QStyle.StateFlag.State_Selected | QStyle.StateFlag.State_HasFocus):
            painter.setPen(QPen(colors.accent, 2))
            painter.drawRoundedRect(thumbnail_rect.adjusted(-2, -2, 2, 2), RADIUS, RADIUS)
        font = theme.small_font(option.font)
        painter.setFont(font)
        painter.setPen(colors.text if state & QStyle.StateFlag.State_MouseOver else colors.muted)
        caption = QFontMetrics(font).elidedText(str(index.data()), Qt.TextElideMode.ElideMiddle, THUMBNAIL_SIDE)
        below = QRect(
            thumbnail_rect.left(),
            thumbnail_rect.bottom() + GRID // 2,
            THUMBNAIL_SIDE,
            cell.bottom() - thumbnail_rect.bottom(),
        )
        painter.drawText(below, Qt.AlignmentFlag.AlignHCenter | Qt.AlignmentFlag.AlignTop, caption)
        painter.restore()

    def _paint_thumbnail(
        self, painter: QPainter, rect: QRect, index: QModelIndex | QPersistentModelIndex, colors: theme.Colors
    ) -> None:
        path = QPainterPath()
        path.addRoundedRect(rect, RADIUS, RADIUS)
        image = index.data(ImageModel.ThumbnailRole)
        if isinstance(image, QImage) and not image.isNull():
            painter.save()
            painter.setClipPath(path)
            painter.drawImage(rect, image)
            painter.restore()
            return
        painter.fillPath(path, colors.raised)
        if isinstance(image, QImage):
            icon = theme.pixmap("broken", colors.muted, 32)
            painter.drawPixmap(rect.center().x() - 16, rect.center().y() - 16, icon)
