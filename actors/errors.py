"""The one error that belongs to the engine and not to a photo, a store or the catalog."""

from __future__ import annotations

from oldphoto_core.errors import OldPhotoError


class EngineError(OldPhotoError):
    """The engine cannot work at all: Ray or a worker cannot be started."""


class EngineLostError(EngineError):
    """A part of the engine has ended or does not answer any more: it is not to be asked anything."""
