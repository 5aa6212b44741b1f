"""Painting of one image in a grid."""

from PySide6.QtCore import QModelIndex, QPersistentModelIndex, QRect, QSize, Qt
from PySide6.QtGui import QFontMetrics, QImage, QPainter, QPainterPath, QPen
from PySide6.QtWidgets import QStyle, QStyledItemDelegate, QStyleOptionViewItem

from gui import theme
from gui.models.image_model import THUMBNAIL_SIDE, ImageModel
from gui.theme import GRID, RADIUS


class ThumbnailDelegate(QStyledItemDelegate):
    """Paints a thumbnail with its caption, a mark, the selection and the focus."""

    def sizeHint(self, option: QStyleOptionViewItem, index: QModelIndex | QPersistentModelIndex) -> QSize:
        """Return the size of every cell."""
        height = QFontMetrics(theme.small_font(option.font)).height()
        return QSize(THUMBNAIL_SIDE + GRID, THUMBNAIL_SIDE + height + GRID + GRID // 2)

    def paint(
        self, painter: QPainter, option: QStyleOptionViewItem, index: QModelIndex | QPersistentModelIndex
    ) -> None:
        """Paint an image."""
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
