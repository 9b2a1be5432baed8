"""Somebody who listens to a run and keeps all that is said."""

from __future__ import annotations

from flows.progress import Nobody, Progress, RunDetails


class Ears(Nobody):
    def __init__(self) -> None:
        self.heard: list[Progress] = []
        self.details: list[RunDetails] = []

    def progress(self, progress: Progress) -> None:
        self.heard.append(progress)

    def finished(self, details: RunDetails) -> None:
        self.details.append(details)
