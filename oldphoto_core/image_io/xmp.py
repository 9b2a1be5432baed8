"""XMP packets as text: in whichever Unicode they are stored, PNG wants UTF-8, and says nothing of another."""

from __future__ import annotations

import re

_MARKS = (
    (b"\xff\xfe\0\0", "utf-32-le"),
    (b"\0\0\xfe\xff", "utf-32-be"),
    (b"\xff\xfe", "utf-16-le"),
    (b"\xfe\xff", "utf-16-be"),
    (b"<\0\0\0", "utf-32-le"),
    (b"\0\0\0<", "utf-32-be"),
    (b"<\0", "utf-16-le"),
    (b"\0<", "utf-16-be"),
)
"""First bytes of packets that are not in UTF-8, with a byte order mark or without; the longer ones first."""
_WIDTHS = {"utf-8": 1, "utf-16": 2, "utf-32": 4}
_DECLARED = re.compile(r"(<\?(?:xml|xpacket)\b[^>]{0,300}\bencoding=[\"'])[^\"']{1,40}")
_DECLARATIONS = 1000
"""Characters at the beginning of a packet among which the declarations lie."""
_ORIENTATION = re.compile(r"tiff:Orientation(?:=[\"']|>)([1-8])[\"'<]")


def xmp_text(packet: bytes) -> tuple[str, bool]:
    """Return a packet as the text that it would be in UTF-8, and whether every byte of it is text.

    What is no text is replaced by U+FFFD.
    """
    encoding = next((name for mark, name in _MARKS if packet.startswith(mark)), "utf-8")
    # Writers fill packets up with zeros, which need not be whole characters.
    odd = len(packet) % _WIDTHS[encoding[:6]]
    stored = packet[: len(packet) - odd] if odd and not any(packet[-odd:]) else packet
    try:
        text, whole = stored.decode(encoding), True
    except UnicodeDecodeError:
        text, whole = stored.decode(encoding, errors="replace"), False
    if encoding != "utf-8":
        text = text.removeprefix("\ufeff")
        text = _DECLARED.sub(r"\1UTF-8", text[:_DECLARATIONS]) + text[_DECLARATIONS:]
    return text.rstrip("\0"), whole


def xmp_orientation(packet: bytes | None) -> int | None:
    """Return the orientation (1–8) that a packet states."""
    found = _ORIENTATION.search(xmp_text(packet)[0]) if packet else None
    return int(found[1]) if found else None
