"""The pictures that commands write: whether they can be is known before the work whose outcome they show."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


def check_picture(path: Path) -> None:
    """Make the folder of ``path``, and see that a picture of that name can be written there.

    Raises:
        UsageError: the suffix is of no kind of picture that Pillow writes, or the folder takes no file.
    """
    from io import BytesIO

    from PIL import Image

    from oldphoto_core.errors import UsageError

    kind = Image.registered_extensions().get(path.suffix.lower())
    try:
        # Many kinds can only be read, some hold no colour: trying tells.
        Image.new("RGB", (1, 1)).save(BytesIO(), kind or "none")
    except (KeyError, ValueError, OSError) as error:
        raise UsageError(f"{path}: unknown kind of picture. Name a .png or .jpg file.") from error
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(f"{path.parent} cannot be made ({error.strerror}). Name another folder.") from error
    if path.is_dir() or not os.access(path.parent, os.W_OK):
        raise UsageError(f"{path} cannot be written. Name a file in a folder that takes one.")


def write_picture(path: Path, pixels: NDArray[np.uint8]) -> None:
    """Write ``H×W×3`` RGB ``uint8`` in the format that the suffix names, once :func:`check_picture` has passed it.

    Raises:
        StorageError: the disk does not take it.
    """
    from PIL import Image

    from oldphoto_core.errors import StorageError

    try:
        Image.fromarray(pixels).save(path)
    except OSError as error:
        raise StorageError(
            f"{path} cannot be written ({error.strerror or error}). Free space there."
        ) from error
