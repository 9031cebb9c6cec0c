"""Which charsets a request may name. Imported when one other than UTF-8 comes."""

from encodings import normalize_encoding
from encodings.aliases import aliases

# "hex_codec" and its like make no text of bytes; mbcs is for Windows only.
NAMES = {name for name in aliases.values() if not name.endswith("_codec")} - {"rot_13", "mbcs"}
# These have no other names in Python.
NAMES |= {
    "cp720",
    "cp737",
    "cp856",
    "cp874",
    "cp875",
    "cp1006",
    "koi8_t",
    "koi8_u",
}


def canonical(charset: str) -> str | None:
    """Return Python's one name of a charset, or None for an unknown one.

    Python remembers every spelling that it is asked for, so it must not be asked for what clients send.
    """
    name = normalize_encoding(charset).lower()
    name = aliases.get(name, name)
    return name if name in NAMES else None
