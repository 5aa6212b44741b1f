"""Frame around a chart with title, readout and a menu to copy, save, or show it as a table."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from PySide6.QtCore import QAbstractTableModel, QEvent, QModelIndex, QPersistentModelIndex, Qt
from PySide6.QtGui import QAction, QGuiApplication, QKeySequence, QPixmap
from PySide6.QtWidgets import (
    QFileDialog,
    QHBoxLayout,
    QHeaderView,
    QLabel,
    QMenu,
    QStackedWidget,
    QTableView,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from engine.core.spreadsheet import escape_formula
from gui import theme
from gui.theme import GRID

Index = QModelIndex | QPersistentModelIndex


_CELL_SEPARATORS = re.compile(r"[\t\r\n]")
_NUMBER = re.compile(r"[-+]?[\d.,]+\s?%?")


@dataclass(frozen=True, slots=True)
class ChartTable:
    """Data of a chart as a table of formatted text."""

    columns: tuple[str, ...] = ()
    rows: tuple[tuple[str, ...], ...] = ()

    def to_text(self) -> str:
        """Return tab-separated text for a spreadsheet, with formulas escaped."""
        return "\n".join("\t".join(map(_escape_cell, row)) for row in (self.columns, *self.rows))


def _escape_cell(cell: str) -> str:
    cell = _CELL_SEPARATORS.sub(" ", cell)
    return cell if _NUMBER.fullmatch(cell) else escape_formula(cell)


class _ChartTableModel(QAbstractTableModel):
    def __init__(self, table: ChartTable) -> None:
        super().__init__()
        self.table = table

    def rowCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008
        return 0 if parent.isValid() else len(self.table.rows)

    def columnCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008
        return 0 if parent.isValid() else len(self.table.columns)

    def headerData(
        self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole
    ) -> str | Qt.AlignmentFlag | None:
        if role == Qt.ItemDataRole.TextAlignmentRole:
            return Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter
        is_title = orientation == Qt.Orientation.Horizontal and role == Qt.ItemDataRole.DisplayRole
        return self.table.columns[section] if is_title else None

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> str | Qt.AlignmentFlag | None:
        if role == Qt.ItemDataRole.TextAlignmentRole:
            return Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter
        if role == Qt.ItemDataRole.DisplayRole:
            return self.table.rows[index.row()][index.column()]
        return None


class ChartFrame(QWidget):
    """A chart below its title, with a menu button at the right end of the title."""

    def __init__(
        self,
        title: str,
        help_text: str,
        chart: QWidget,
        get_table: Callable[[], ChartTable],
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self._chart, self._get_table, self._title_text = chart, get_table, title
        self._table = QTableView()
        self._stack = QStackedWidget()
        self._title = QLabel(title)
        self._readout = QLabel()
        self._readout.setTextFormat(Qt.TextFormat.PlainText)
        self._title.setToolTip(help_text)
        self._build_table()
        self._build_menu()
        self._lay_out()
        self._restyle()

    def show_readout(self, text: str) -> None:
        """Show the values under the pointer beside the title."""
        self._readout.setText(text)

    def refresh_table(self) -> None:
        """Update the table if it is visible."""
        if self.table_action.isChecked():
            self._show_table(True)

    def copy(self) -> None:
        """Copy the chart as an image, or the visible table as text, to the clipboard."""
        if self.table_action.isChecked():
            QGuiApplication.clipboard().setText(self._get_table().to_text())
        else:
            QGuiApplication.clipboard().setPixmap(self._render())

    def save_image(self) -> None:
        """Ask for a file name and save the chart as an image."""
        name, _ = QFileDialog.getSaveFileName(self, "Save image", f"{self._title_text}.png", "Images (*.png *.jpg)")
        if name:
            path = Path(name) if Path(name).suffix else Path(f"{name}.png")
            is_saved = self._render().save(str(path))
            self.show_readout(f"Saved as {path.name}" if is_saved else f"{path.name} could not be written")

    def _render(self) -> QPixmap:
        scale = 2  # twice the screen resolution, for printing
        pixmap = QPixmap(self._chart.size() * scale)
        pixmap.setDevicePixelRatio(scale)
        pixmap.fill(theme.colors(self.palette()).surface)
        self._chart.render(pixmap)
        return pixmap

    def _show_table(self, is_shown: bool) -> None:
        if is_shown:
            model = _ChartTableModel(self._get_table())
            old = self._table.model()
            self._table.setModel(model)
            model.setParent(self._table)
            if old is not None:
                old.deleteLater()
        self._stack.setCurrentIndex(1 if is_shown else 0)

    def _build_table(self) -> None:
        self._table.verticalHeader().hide()
        self._table.setShowGrid(False)
        self._table.setSelectionBehavior(QTableView.SelectionBehavior.SelectRows)
        self._table.horizontalHeader().setSectionResizeMode(QHeaderView.ResizeMode.Stretch)
        self._table.setAccessibleName(f"{self._title_text} as a table")
        self._chart.setAccessibleName(self._title_text)
        self._chart.setAccessibleDescription(self._title.toolTip())

    def _build_menu(self) -> None:
        self.copy_action = QAction("Copy", self)
        self.save_action = QAction("Save image…", self)
        self.table_action = QAction("Show as table", self)
        self.table_action.setCheckable(True)
        self.copy_action.triggered.connect(self.copy)
        self.save_action.triggered.connect(self.save_image)
        self.table_action.toggled.connect(self._show_table)
        self.copy_action.setShortcut(QKeySequence.StandardKey.Copy)
        self.copy_action.setShortcutContext(Qt.ShortcutContext.WidgetWithChildrenShortcut)
        menu = QMenu(self)
        menu.addActions([self.copy_action, self.save_action])
        menu.addSeparator()
        menu.addAction(self.table_action)
        self.addAction(self.copy_action)
        self.menu_button = QToolButton()
        self.menu_button.setMenu(menu)
        self.menu_button.setPopupMode(QToolButton.ToolButtonPopupMode.InstantPopup)
        self.menu_button.setAutoRaise(True)
        self.menu_button.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.menu_button.setToolTip("Copy, save, or show as a table")
        self.menu_button.setAccessibleName(f"Menu: {self._title_text}")
        self.menu_button.setStyleSheet("QToolButton::menu-indicator { image: none; }")

    def _lay_out(self) -> None:
        head = QHBoxLayout()
        head.setSpacing(2 * GRID)
        head.addWidget(self._title)
        head.addWidget(self._readout, 1)
        head.addWidget(self.menu_button)
        self._readout.setAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        self._readout.setMinimumWidth(1)  # a long readout is clipped instead of widening the page
        self._stack.addWidget(self._chart)
        self._stack.addWidget(self._table)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(GRID // 2)
        column.addLayout(head)
        column.addWidget(self._stack, 1)

    def _restyle(self) -> None:
        colors = theme.colors(self.palette())
        bold = self.font()
        bold.setBold(True)
        self._title.setFont(bold)
        palette = self._readout.palette()
        palette.setColor(self._readout.foregroundRole(), colors.muted)
        self._readout.setPalette(palette)
        self._readout.setFont(theme.small_font(self.font()))
        self.menu_button.setIcon(theme.icon("more", self.palette()))

    def changeEvent(self, event: QEvent) -> None:
        """Restyle when the palette or the font changes."""
        super().changeEvent(event)
        if event.type() in (QEvent.Type.PaletteChange, QEvent.Type.FontChange) and hasattr(self, "menu_button"):
            self._restyle()
