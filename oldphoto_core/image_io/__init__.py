"""Files in, files out: the only package that knows image file formats.

``read_header`` and ``decode`` turn bytes into what ``oldphoto_core.photo`` describes, or raise a
:class:`~oldphoto_core.errors.PhotoError`; ``encode_*`` turn pixels into bytes, the same bytes every time.
"""

from oldphoto_core.image_io.decode import decode
from oldphoto_core.image_io.display import WAY_OF_SHOWING, Display
from oldphoto_core.image_io.encode import (
    EncodedFile,
    derivative_suffix,
    encode_derivative,
    encode_jpeg_preview,
    encode_mask,
    encode_probability,
    write_derivative,
    write_mask,
    write_probability,
)
from oldphoto_core.image_io.header import read_header
from oldphoto_core.image_io.limits import DecodeLimits
from oldphoto_core.image_io.orientation import AsStored, from_upright, to_upright, turns
from oldphoto_core.image_io.scan import DecodedScan, decode_scan

__all__ = [
    "WAY_OF_SHOWING",
    "AsStored",
    "DecodeLimits",
    "DecodedScan",
    "Display",
    "EncodedFile",
    "decode",
    "decode_scan",
    "derivative_suffix",
    "encode_derivative",
    "encode_jpeg_preview",
    "encode_mask",
    "encode_probability",
    "from_upright",
    "read_header",
    "to_upright",
    "turns",
    "write_derivative",
    "write_mask",
    "write_probability",
]
