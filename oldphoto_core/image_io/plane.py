"""What every reader returns: one decoded picture."""

from __future__ import annotations

from dataclasses import dataclass, replace

from oldphoto_core.photo import Pixels


@dataclass(frozen=True)
class Plane:
    """A decoded picture.

    ``pixels`` is ``H×W`` or ``H×W×3``, ``alpha`` straight and ``H×W`` of the same dtype; ``warnings`` says
    what was not exact; ``profile`` is set where the pixels are no longer in the file's own colour space.
    """

    pixels: Pixels
    alpha: Pixels | None = None
    warnings: tuple[str, ...] = ()
    profile: bytes | None = None

    def remarking(self, *warnings: str) -> Plane:
        """Return the same picture with further warnings."""
        return replace(self, warnings=(*self.warnings, *warnings))
