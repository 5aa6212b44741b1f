"""File names of copies: duplicates made by a file manager and augmented versions of one image."""

import re
import unicodedata

_CHANGES = (
    "rot(?:ated?|ation)?|(?:h|v|lr|ud)?[_-]?flip(?:ped|lr|ud|h|v|[_-](?:h|v|lr|ud))?|mirror(?:ed)?|transposed?|"
    "aug(?:mented|mentation)?|noisy?|noise|blur(?:red)?|bright(?:ness|er)?|dark(?:er)?|contrast|gamma|hue|saturation|"
    "sharp(?:en(?:ed)?)?|crop(?:ped)?|zoom(?:ed)?|shear(?:ed)?|shift(?:ed)?|translated?|scaled?|resized?|jitter|"
    "gr[ae]y(?:scale)?|bw|edit(?:ed)?|orig(?:inal)?|small|large|thumb(?:nail)?|compressed|enhanced|equali[sz]ed|clahe|"
    "elastic|distort(?:ed)?|cutout|erased|gaussian"
)
_COPY_WORDS = "copy|kopie|copie|copia|cópia|コピー|副本"
_SUFFIX = re.compile(
    rf"(?P<counted>\s*\(\d{{1,3}}\))|(?P<spaced>(?<=\d) [2-9])|"
    rf"\s*[\s_.~-]\s*(?:\(?(?:another |3rd |\dth )?(?:{_COPY_WORDS})\)?)[ _-]?\d{{0,2}}|~\d{{1,2}}|"
    rf"[\s_.-](?:{_CHANGES})(?:[_-]?\d{{1,3}}(?:deg)?)?"
)
_PREFIX = re.compile(rf"(?:copy of|kopie von|copie de|copia de|cópia de)\s+|(?:{_CHANGES})(?:[_-]?\d{{1,3}})?[\s_.-]+")
_ROBOFLOW = re.compile(r"(.+)[_.](?:jpe?g|png|bmp|webp|tiff?)\.rf\.[0-9a-z]{6,}")
_AUGMENTOR = re.compile(r".*_original_(.+)\.(?:jpe?g|png|bmp|tiff?)_[0-9a-f-]{32,36}")
_IPHONE_EDIT = re.compile(r"img_e(\d{4})")
_MAX_COUNTED, _MAX_WITHOUT_NUMBER = 3, 12


def original_name(stem: str) -> tuple[str, str]:
    """Return the name without the marks of a copy, and the kind of mark.

    Kinds are "" for none, "counted" as in "x (1)", "changed" as in "x_flip", and "derived" for names that only
    augmentation tools write.
    """
    text = unicodedata.normalize("NFC", stem).casefold().strip()
    for pattern in (_ROBOFLOW, _AUGMENTOR):
        match = pattern.fullmatch(text)
        if match is not None:
            return match[1], "derived"
    kind = ""
    while (cut := _last_mark(text)) is not None:
        kind = "counted" if cut.lastgroup and kind in ("", "counted") else "changed"
        text = text[: cut.start()]
    start = _PREFIX.match(text)
    if start is not None and start.end() < len(text):
        text, kind = text[start.end() :], "changed"
    edited = _IPHONE_EDIT.fullmatch(text)
    return (f"img_{edited[1]}", "changed") if edited is not None else (text, kind)


def are_copies(original: str, kinds: list[str]) -> bool:
    """Return whether files with one original name are copies, given the kinds of their marks.

    Bulk renaming and downloads give unrelated images names such as "rose (1)" to "rose (500)", so few counted names
    without a digit count as copies, and only beside the file without a mark.
    """
    if len(kinds) < 2 or kinds.count("counted") > _MAX_COUNTED:
        return False
    if "derived" in kinds or (not original.isdigit() and any(character.isdigit() for character in original)):
        return True
    return "" in kinds and len(kinds) <= _MAX_WITHOUT_NUMBER


def _last_mark(text: str) -> re.Match[str] | None:
    """Return the mark at the end of a name, if something remains before it."""
    return next((match for match in _SUFFIX.finditer(text) if match.end() == len(text) and match.start() > 0), None)
