"""Every error that this project raises on purpose.

::

    OldPhotoError
    ├── PhotoError                 one photo cannot be processed: it is quarantined, the run goes on
    │   ├── UnreadablePhotoError   not an image, truncated or damaged
    │   ├── UnsupportedPhotoError  a sound file of a kind that we do not restore
    │   └── OversizedPhotoError    more pixels or bytes than the limits allow
    ├── FixityError                bytes are not the bytes that were recorded
    ├── WeightsError               weights are missing, or are not the ones that were asked for
    ├── TrainingError              a training cannot go on
    ├── StorageError               a folder or bucket refused an operation
    │   ├── AlreadyExistsError     a create-only write met a different object
    │   ├── DestinationError       the destination refused a photo, as it would any other
    │   └── UnwritableKeyError     what the store cannot hold, however often it is tried
    └── UsageError                 the caller asked for something impossible (exit code 2)

A message says what happened, to which photo or file, and what to do next.
"""

from __future__ import annotations


class OldPhotoError(Exception):
    """Base of every deliberate error."""


class PhotoError(OldPhotoError):
    """One photo cannot be processed.

    Args:
        key: the photo's source key, as the catalog names it.
        problem: what is wrong with it, in words a digitisation operator understands.
        remedy: what to do next.
    """

    code = "photo-error"

    def __init__(self, key: str, problem: str, remedy: str) -> None:
        super().__init__(key, problem, remedy)
        self.key = key
        self.problem = problem
        self.remedy = remedy

    def __str__(self) -> str:
        return f"{self.key}: {self.problem}. {self.remedy}"


class UnreadablePhotoError(PhotoError):
    """Not an image, truncated, or damaged so that not every pixel can be decoded."""

    code = "unreadable"


class UnsupportedPhotoError(PhotoError):
    """A sound file of a kind that is not restored (for example a palette animation)."""

    code = "unsupported"


class OversizedPhotoError(PhotoError):
    """More pixels or bytes than the configured limits."""

    code = "oversized"


class FixityError(OldPhotoError):
    """The bytes at ``path`` do not have the recorded digest."""

    def __init__(self, path: str, algorithm: str, expected: str, found: str) -> None:
        super().__init__(path, algorithm, expected, found)
        self.path, self.algorithm, self.expected, self.found = path, algorithm, expected, found

    def __str__(self) -> str:
        return (
            f"{self.path}: {self.algorithm} is {self.found}, recorded was {self.expected}. "
            "Compare the file with a backup before anything else is done with it."
        )


class WeightsError(OldPhotoError):
    """Weights are missing or do not match their model card."""


class TrainingError(OldPhotoError):
    """A training cannot go on: its loss is no number any more."""


class StorageError(OldPhotoError):
    """A folder or bucket refused an operation."""


class AlreadyExistsError(StorageError):
    """A create-only write met an object with other bytes under the same key."""


class DestinationError(StorageError):
    """The destination can not be looked into, or takes nothing: a full disk, a permission, expired credentials."""


class UnwritableKeyError(StorageError):
    """The store cannot hold this: its key is too long, hidden, no text or in the way, or it is too large."""


class UsageError(OldPhotoError):
    """The caller asked for something impossible; the command line exits with 2."""
