"""Ends a run whose destination takes nothing any more: each further photo would be restored for nothing."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

from actors.rows import OutcomeRow
from oldphoto_core.errors import StorageError
from oldphoto_core.photo import Outcome
from schemas.records import DESTINATION_ERROR

PHOTOS = 20
SECONDS = 60.0
"""So many photos in a row have to be refused, for so long: a service that is away for a moment ends no run."""


class Breaker:
    """Hears what becomes of photos and raises once the destination has refused many of them in a row.

    Photos that fail for another reason, or are quarantined, say nothing of the destination.

    Args:
        photos, seconds: see the module's constants.
        clock: tells seconds; for tests.
    """

    def __init__(
        self,
        photos: int = PHOTOS,
        seconds: float = SECONDS,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.photos, self.seconds, self.clock = photos, seconds, clock
        self._refused = 0
        self._since = 0.0

    def hear(self, rows: Sequence[OutcomeRow]) -> None:
        """Take outcomes in. Raises StorageError with the last refusal."""
        for row in rows:
            if row.outcome in (Outcome.DONE, Outcome.SKIPPED):
                self._refused = 0
            elif row.error_class == DESTINATION_ERROR:
                self._hear_refusal(row)

    def _hear_refusal(self, row: OutcomeRow) -> None:
        if not self._refused:
            self._since = self.clock()
        self._refused += 1
        if self._refused >= self.photos and self.clock() - self._since >= self.seconds:
            raise StorageError(
                f"The run has ended: the destination refused {self._refused} photographs in a row. "
                f"The last time, of {row.key}: {row.reason} The next run goes on with these and what is pending."
            )
