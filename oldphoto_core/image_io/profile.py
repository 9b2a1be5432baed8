"""ICC profiles: what they say of themselves, and whether they fit the pixels beside them."""

from __future__ import annotations

import io
from dataclasses import dataclass

from PIL import ImageCms

from oldphoto_core.errors import UnreadablePhotoError
from oldphoto_core.image_io.boundary import observe, one_line


@dataclass(frozen=True)
class EmbeddedProfile:
    """A usable profile with its description, or neither and the ``warning`` that says why."""

    data: bytes | None = None
    description: str | None = None
    warning: str | None = None


def inspect_profile(data: bytes | None, *, key: str) -> EmbeddedProfile:
    """Read an embedded profile's description; one that cannot be read is left out with a warning."""
    if not data:
        return EmbeddedProfile()

    def describe() -> str:
        return ImageCms.getProfileDescription(ImageCms.ImageCmsProfile(io.BytesIO(data)))

    try:
        return EmbeddedProfile(data, one_line(observe(key, describe).value) or None)
    except UnreadablePhotoError:
        return EmbeddedProfile(
            warning=f"the embedded colour profile ({len(data):,} bytes) is unreadable and is not carried over"
        )


def fits(profile: bytes | None, *, channels: int) -> bool:
    """Return whether ``profile`` describes pictures of 1 (grey) or 3 (RGB) colour channels."""
    return profile is not None and profile[16:20] == (b"GRAY" if channels == 1 else b"RGB ")


def is_of_inks(profile: bytes | None) -> bool:
    """Return whether ``profile`` describes CMYK inks."""
    return profile is not None and profile[16:20] == b"CMYK"
