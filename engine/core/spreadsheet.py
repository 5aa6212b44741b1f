"""Protection against formula injection in tables that are opened in a spreadsheet."""

_FORMULA_STARTS = tuple("=+-@\uff1d\uff0b\uff0d\uff20")
"""First characters of a formula, including the full-width forms used in East Asia."""


def escape_formula(cell: str) -> str:
    """Return the text of a table cell in a form that no spreadsheet runs as a formula.

    A `'` is put in front of a formula. It is also put in front of a cell that begins with `'`, a tab or a line end, so
    that the original can be restored by removing one leading `'`.
    """
    is_formula = cell.lstrip().startswith(_FORMULA_STARTS)
    return f"'{cell}" if is_formula or cell.startswith(("'", "\t", "\r", "\n")) else cell
