"""What kind of file this is, by its first bytes; the name is only compared with the answer.

This file holds the allow-list of formats, and the words for what is recognised and refused.
"""

from __future__ import annotations

from pathlib import Path, PurePosixPath

from oldphoto_core.errors import UnreadablePhotoError, UnsupportedPhotoError

_CONVERT = "Export it as TIFF (16-bit where the original has it) and add that file to the collection"

SUFFIXES: dict[str, frozenset[str]] = {
    "JPEG": frozenset({".jpg", ".jpeg", ".jpe", ".jfif", ".mpo"}),
    "PNG": frozenset({".png", ".apng"}),
    "TIFF": frozenset({".tif", ".tiff"}),
    "JPEG2000": frozenset({".jp2", ".j2k", ".jpx", ".jpf", ".jpc", ".j2c", ".jph", ".jhc"}),
    "WEBP": frozenset({".webp"}),
    "AVIF": frozenset({".avif"}),
    "BMP": frozenset({".bmp"}),
    "GIF": frozenset({".gif"}),
    "PPM": frozenset({".ppm", ".pgm", ".pbm", ".pnm"}),
    "TGA": frozenset({".tga", ".icb", ".vda", ".vst"}),
    "PSD": frozenset({".psd"}),
}
"""The formats that are decoded, with the suffixes that their files usually have."""

_SIGNATURES: tuple[tuple[bytes, str], ...] = (
    (b"\xff\xd8\xff", "JPEG"),
    (b"\x89PNG\r\n\x1a\n", "PNG"),
    (b"II*\0", "TIFF"),
    (b"MM\0*", "TIFF"),
    (b"II+\0", "TIFF"),
    (b"MM\0+", "TIFF"),
    (b"\0\0\0\x0cjP  \r\n\x87\n", "JPEG2000"),
    (b"\xff\x4f\xff\x51", "JPEG2000"),
    (b"GIF87a", "GIF"),
    (b"GIF89a", "GIF"),
    (b"8BPS\0\x01", "PSD"),
    (b"BM", "BMP"),
)

_REFUSED: tuple[tuple[int, bytes, str], ...] = (
    (0, b"%PDF", "a PDF document"),
    (0, b"%!PS", "a PostScript document"),
    (0, b"\xff\x0a", "a JPEG XL picture"),
    (0, b"\0\0\0\x0cJXL ", "a JPEG XL picture"),
    (0, b"II\xbc", "a JPEG XR picture"),
    (0, b"8BPS\0\x02", "a large Photoshop document (PSB)"),
    (0, b"gimp xcf", "a GIMP document"),
    (0, b"FUJIFILMCCD-RAW", "a camera raw file"),
    (0, b"IIRO", "a camera raw file"),
    (0, b"IIU\0", "a camera raw file"),
    (8, b"CR\x02", "a camera raw file"),
    (0, b"AT&TFORM", "a DjVu document"),
    (0, b"SIMPLE  =", "a FITS measurement"),
    (128, b"DICM", "a DICOM image"),
    (0, b"BUFR", "a BUFR weather message"),
    (0, b"GRIB", "a GRIB weather message"),
    (0, b"\0\0\x01\0", "a Windows icon"),
    (0, b"\0\0\x02\0", "a Windows cursor"),
    (0, b"icns", "a macOS icon"),
    (0, b"Pf", "a floating-point (PFM) picture"),
    (0, b"PF", "a floating-point (PFM) picture"),
    (0, b"P7\n", "a PAM picture"),
    (0, b"PK\x03\x04", "a ZIP archive"),
    (0, b"\x1f\x8b", "a gzip archive"),
)

_FTYP_REFUSED = {
    b"crx ": "a camera raw file",
    b"heic": "an HEIF picture",
    b"heix": "an HEIF picture",
    b"hevc": "an HEIF picture",
    b"heim": "an HEIF picture",
    b"heis": "an HEIF picture",
    b"mif1": "an HEIF picture",
    b"msf1": "an HEIF picture",
}


def identify(data: bytes, key: str) -> str:
    """Return the format of ``data``: one of :data:`SUFFIXES`.

    Raises:
        UnreadablePhotoError: empty, text, or nothing that is known.
        UnsupportedPhotoError: a known kind that is not decoded here.
    """
    if not data:
        raise UnreadablePhotoError(key, "the file is empty (zero bytes)", "Copy it again from the original")
    found = _by_signature(data) or _netpbm(data)
    if found is None and _is_targa(data, key):
        # Before the refusals: a Targa file may begin like a Windows cursor.
        return "TGA"
    _refuse_known_kinds(data, key)
    if found is None:
        raise UnreadablePhotoError(
            key, _unknown(data), "Check that this is the scan itself, and copy it again"
        )
    return found


def is_tiff(path: Path) -> bool:
    """Return whether a file begins as a TIFF does."""
    with path.open("rb") as file:
        return _by_signature(file.read(64)) == "TIFF"


def name_warning(key: str, found: str) -> str | None:
    """Return a sentence where the name's suffix promises another format than the content has."""
    suffix = PurePosixPath(key).suffix.lower()
    promised = next((name for name, suffixes in SUFFIXES.items() if suffix in suffixes), None)
    if promised is None or promised == found:
        return None
    return f"named {suffix}, but the content is {found}"


def _by_signature(data: bytes) -> str | None:
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return "WEBP"
    if data[4:8] == b"ftyp" and data[8:12] in (b"avif", b"avis"):
        return "AVIF"
    return next((name for signature, name in _SIGNATURES if data.startswith(signature)), None)


def _netpbm(data: bytes) -> str | None:
    return "PPM" if data[:1] == b"P" and data[1:2] in b"123456" and data[2:3].isspace() else None


def _is_targa(data: bytes, key: str) -> bool:
    """Decide by the footer or the suffix; a Targa file has no signature, and any bytes could pass for one."""
    named = PurePosixPath(key).suffix.lower() in SUFFIXES["TGA"]
    return named or data.endswith(b"TRUEVISION-XFILE.\0")


def _refuse_known_kinds(data: bytes, key: str) -> None:
    kind = next((what for at, mark, what in _REFUSED if data[at : at + len(mark)] == mark), None)
    if data[4:8] == b"ftyp" and b"avif" not in data[8:32]:
        kind = _FTYP_REFUSED.get(data[8:12], "a video or another ISO media file")
    if kind is not None:
        raise UnsupportedPhotoError(key, f"it is {kind}, which is not decoded here", _CONVERT)


def _unknown(data: bytes) -> str:
    start = data[:1024]
    if not start.strip(b"\0"):
        return f"the file ({len(data):,} bytes) begins with nothing but zero bytes"
    try:
        text = start.decode("utf-8")
    except UnicodeDecodeError:
        text = ""
    if text and all(c.isprintable() or c.isspace() for c in text):
        return "it is a text file, not a picture"
    return "it is not a picture of a known format (its first bytes match none)"
