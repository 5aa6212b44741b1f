"""Seeds that are derived from their purpose and are equal on every machine."""

import hashlib


def stable_seed(*parts: object) -> int:
    """Return a 63-bit seed from a hash of `parts`, the same in every process and on every machine."""
    text = "\0".join(str(part) for part in parts)
    return int.from_bytes(hashlib.sha256(text.encode("utf-8", "surrogateescape")).digest()[:8], "big") >> 1
