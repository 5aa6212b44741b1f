"""Light and dark theme: palette, style sheet, fonts and icons from one table of colours."""

from dataclasses import dataclass, fields
from functools import lru_cache
from importlib.resources import files
from typing import Literal, TypeAlias

from PySide6.QtCore import QByteArray, QSize, Qt
from PySide6.QtGui import QColor, QFont, QIcon, QPainter, QPalette, QPixmap
from PySide6.QtSvg import QSvgRenderer
from PySide6.QtWidgets import QApplication

Scheme: TypeAlias = Literal["system", "light", "dark"]

GRID = 8
"""Spacing unit in pixels; distances are multiples or halves of it."""
RADIUS = 6

_QT_SCHEMES = {
    "system": Qt.ColorScheme.Unknown,
    "light": Qt.ColorScheme.Light,
    "dark": Qt.ColorScheme.Dark,
}
_ICON_SIZES = (16, 20, 24, 32, 48, 96)


@dataclass(frozen=True)
class Colors:
    """The colours of one scheme. Plots use the Okabe-Ito palette, which is safe for colour-blind users."""

    is_dark: bool
    window: QColor
    surface: QColor
    """Background of lists, fields and plots."""
    raised: QColor
    """Background of hovered and selected rows."""
    text: QColor
    muted: QColor
    hairline: QColor
    accent: QColor
    """Only for the primary action and the selection."""
    accent_text: QColor
    danger: QColor
    warning: QColor
    success: QColor
    train_line: QColor
    val_line: QColor
    grid: QColor


def _make_colors(is_dark: bool, **values: str) -> Colors:
    return Colors(is_dark, **{name: QColor(value) for name, value in values.items()})


_LIGHT = _make_colors(
    False,
    window="#f6f6f7",
    surface="#ffffff",
    raised="#ececef",
    text="#1c1c1f",
    muted="#63636b",
    hairline="#dcdce0",
    accent="#0068a8",
    accent_text="#ffffff",
    danger="#b3261e",
    warning="#8a5a00",
    success="#00714f",
    train_line="#b87400",
    val_line="#0072b2",
    grid="#e7e7ea",
)
_DARK = _make_colors(
    True,
    window="#1b1b1e",
    surface="#232327",
    raised="#2f2f35",
    text="#ececef",
    muted="#a2a2ac",
    hairline="#3a3a41",
    accent="#2f8fd0",
    accent_text="#ffffff",
    danger="#ff8a80",
    warning="#e6b450",
    success="#3fbf95",
    train_line="#e69f00",
    val_line="#56b4e9",
    grid="#333339",
)


def apply(app: QApplication, scheme: Scheme) -> None:
    """Apply a colour scheme; `system` also follows later changes of the system scheme."""
    app.setStyle("Fusion")
    hints = app.styleHints()
    hints.setColorScheme(_QT_SCHEMES[scheme])
    is_first = app.property("scheme") is None
    app.setProperty("scheme", scheme)
    _apply_colors(app)
    if is_first:
        hints.colorSchemeChanged.connect(lambda: _apply_colors(app))


def colors(palette: QPalette) -> Colors:
    """Return the colours of the scheme of a widget's palette."""
    return _DARK if palette.color(QPalette.ColorRole.Window).lightness() < 128 else _LIGHT


def title_font(font: QFont) -> QFont:
    """Return the large size of a font, for page titles."""
    return _scaled(font, 20 / 13, QFont.Weight.DemiBold)


def small_font(font: QFont) -> QFont:
    """Return the small size of a font, for captions and notes."""
    return _scaled(font, 11 / 13, QFont.Weight.Normal)


def icon(name: str, palette: QPalette) -> QIcon:
    """Return an icon of `resources/icons` in the text colour, with a paler disabled state."""
    table = colors(palette)
    return _icon(name, {QIcon.Mode.Normal: table.text, QIcon.Mode.Disabled: table.hairline})


def accent_icon(name: str, palette: QPalette) -> QIcon:
    """Return an icon for an accent button."""
    return _icon(name, {QIcon.Mode.Normal: colors(palette).accent_text})


def pixmap(name: str, colour: QColor, size: int) -> QPixmap:
    """Return an icon in one colour at the resolution of the sharpest screen; `size` is in device-independent pixels."""
    ratio = max(screen.devicePixelRatio() for screen in QApplication.screens())
    image = QPixmap(_draw(name, colour.name(), round(size * ratio)))
    image.setDevicePixelRatio(ratio)
    return image


def app_icon() -> QIcon:
    """Return the icon of the program."""
    result = QIcon()
    svg = (files("resources") / "app.svg").read_bytes()
    for size in (16, 32, 64, 128, 256):
        result.addPixmap(_render(svg, size))
    return result


def _apply_colors(app: QApplication) -> None:
    # An explicit scheme is applied directly, because not every desktop supports QStyleHints.setColorScheme
    scheme = app.property("scheme")
    is_dark = scheme == "dark" or (scheme == "system" and app.styleHints().colorScheme() == Qt.ColorScheme.Dark)
    table = _DARK if is_dark else _LIGHT
    app.setPalette(_palette(table))
    app.setStyleSheet(_style_sheet(table))


def _palette(table: Colors) -> QPalette:
    role = QPalette.ColorRole
    palette = QPalette()
    for group in (QPalette.ColorGroup.Active, QPalette.ColorGroup.Inactive, QPalette.ColorGroup.Disabled):
        is_disabled = group == QPalette.ColorGroup.Disabled
        text = table.muted if is_disabled else table.text
        for which, colour in {
            role.Window: table.window,
            role.Base: table.surface,
            role.AlternateBase: table.window,
            role.Button: table.surface,
            role.ToolTipBase: table.raised,
            role.WindowText: text,
            role.Text: text,
            role.ButtonText: text,
            role.ToolTipText: table.text,
            role.PlaceholderText: table.muted,
            role.Highlight: table.raised if is_disabled else table.accent,
            role.HighlightedText: text if is_disabled else table.accent_text,
            role.Link: table.accent,
            role.Mid: table.hairline,
            role.Midlight: table.raised,
            role.Dark: table.hairline,
            role.Light: table.surface,
            role.Shadow: table.hairline,
            role.Accent: table.accent,
        }.items():
            palette.setColor(group, which, colour)
    return palette


def _style_sheet(table: Colors) -> str:
    sheet = (files("resources") / "style.qss").read_text(encoding="utf-8")
    for field in fields(table):
        value = getattr(table, field.name)
        if isinstance(value, QColor):
            sheet = sheet.replace(f"@{field.name}@", value.name())
    return sheet.replace("@radius@", f"{RADIUS}px")


def _scaled(font: QFont, factor: float, weight: QFont.Weight) -> QFont:
    scaled = QFont(font)
    if font.pointSizeF() > 0:
        scaled.setPointSizeF(font.pointSizeF() * factor)
    else:
        scaled.setPixelSize(round(font.pixelSize() * factor))
    scaled.setWeight(weight)
    return scaled


def _icon(name: str, colours: dict[QIcon.Mode, QColor]) -> QIcon:
    result = QIcon()
    for mode, colour in colours.items():
        for size in _ICON_SIZES:
            result.addPixmap(_draw(name, colour.name(), size), mode)
    return result


@lru_cache(maxsize=512)
def _draw(name: str, colour: str, size: int) -> QPixmap:
    svg = (files("resources") / "icons" / f"{name}.svg").read_text(encoding="utf-8")
    return _render(svg.replace("currentColor", colour).encode(), size)


def _render(svg: bytes, size: int) -> QPixmap:
    image = QPixmap(QSize(size, size))
    image.fill(Qt.GlobalColor.transparent)
    painter = QPainter(image)
    QSvgRenderer(QByteArray(svg)).render(painter)
    painter.end()
    return image
