"""File names as text: a name on disk is bytes, a key is text that every catalog can hold."""

from __future__ import annotations

import os
import re
from collections.abc import Collection

_MOST_BYTES = 255
"""Of a file name, on nearly every file system."""


def text_names(names: Collection[str]) -> dict[str, str]:
    """Return for each file name of a folder one that can be stored as text, no two the same.

    Most stay as they are. In odd ones the bytes that are not UTF-8 become ``%XX``, or ``%xx`` where a file is
    really called so. An odd name in which such a ``%XX`` is written as well stays odd: nothing would lead back to it.
    """
    found = {name: name for name in names if name == readable(name)}
    taken = set(found)
    for name in sorted(set(names) - taken):
        texts = (text for text in (readable(name), readable(name, "02x")) if odd_name(text) == name)
        # The name itself is no text: the catalog refuses it.
        found[name] = next((text for text in texts if text not in taken), name)
        taken.add(found[name])
    return found


def ending_in(stem: str, ending: str) -> str:
    """Return ``stem + ending``, with ``stem`` cut where a file name would else have more than 255 bytes.

    ``ending`` should tell apart what has one beginning: a digest does.
    """
    room = _MOST_BYTES - len(os.fsencode(ending))
    # Cut between characters: half of one is no text.
    return (
        os.fsencode(stem)[:room].decode(errors="ignore") + ending
        if len(os.fsencode(stem)) > room
        else stem + ending
    )


def readable(name: str, form: str = "02X") -> str:
    """Return a file name that can be stored as text: bytes that are not UTF-8 become ``%XX``."""
    return re.sub("[\udc80-\udcff]", lambda match: f"%{ord(match[0]) - 0xDC00:{form}}", name)


def odd_name(text: str) -> str:
    """Return the file name that `readable` made ``text`` of."""
    name = os.fsencode(text)
    odd = re.sub(rb"%([89A-Fa-f][0-9A-Fa-f])", lambda match: bytes.fromhex(match[1].decode()), name)
    return os.fsdecode(odd)
