"""Names of networks as people write them."""

import re

from engine.config.backbones import BACKBONES


def network_name(backbone: str) -> str:
    """Return the usual spelling of a backbone's registry name, such as `EfficientNet-Lite0`."""
    row = BACKBONES.get(backbone)
    if row is None:
        return backbone
    backbone = re.sub(r"(?<!\d)(\d)_(\d)", r"\1.\2", backbone)
    letters = re.sub(r"[^a-z]", "", row.family.lower())
    match = re.match("_?".join(letters), backbone)
    rest = backbone[match.end() :] if match else ""
    if not match or rest[:1].isdigit():
        return row.family + rest.replace("_", "-") if match else backbone
    words = [word.capitalize() if len(word) <= 2 else word for word in rest.strip("_").split("_") if word]
    if not words:
        return row.family
    joint = "" if re.fullmatch(r"V\d", words[0]) else " "
    return row.family + joint + " ".join(words)
