"""How large a photo may be, judged by what the file declares and before anything is decoded."""

from __future__ import annotations

from dataclasses import dataclass

from oldphoto_core.errors import OversizedPhotoError
from oldphoto_core.photo import PhotoHeader


@dataclass(frozen=True)
class DecodeLimits:
    """The largest photo that is decoded.

    ``max_pixels`` bounds width × height; ``max_bytes`` bounds both the file and its decoded samples.
    The defaults admit a 22,000 × 22,000 scan at 16 bits and keep a forged header from exhausting memory.
    """

    max_pixels: int = 500_000_000
    max_bytes: int = 4_000_000_000

    def require_file(self, key: str, size: int) -> None:
        """Raise :class:`OversizedPhotoError` where the file itself has more than ``max_bytes``."""
        if size > self.max_bytes:
            raise OversizedPhotoError(
                key,
                f"the file has {size:,} bytes, the limit is {self.max_bytes:,}",
                "If it is genuine, cut it into parts",
            )

    def require_header(self, key: str, header: PhotoHeader) -> None:
        """Raise :class:`OversizedPhotoError` where the picture that a header declares is too large."""
        channels, sample_bytes = max(1, header.channels), 1 if header.bit_depth <= 8 else 2
        self.require_picture(
            key, width=header.width, height=header.height, sample_bytes=channels * sample_bytes
        )

    def require_picture(self, key: str, *, width: int, height: int, sample_bytes: int) -> None:
        """Raise :class:`OversizedPhotoError` where a picture of this declared size is too large.

        Args:
            key: the photo's source key.
            width: declared width in pixels.
            height: declared height in pixels.
            sample_bytes: bytes per pixel once decoded, all channels together.
        """
        if width * height > self.max_pixels:
            raise OversizedPhotoError(
                key,
                f"it declares {width:,} × {height:,} = {width * height:,} pixels, "
                f"the limit is {self.max_pixels:,}",
                "If it is genuine, cut it into parts; otherwise inspect the file",
            )
        if width * height * sample_bytes > self.max_bytes:
            raise OversizedPhotoError(
                key,
                f"it declares {width * height * sample_bytes:,} bytes of pixels "
                f"({width:,} × {height:,}, {sample_bytes} bytes each), the limit is {self.max_bytes:,}",
                "If it is genuine, cut it into parts; otherwise inspect the file",
            )
