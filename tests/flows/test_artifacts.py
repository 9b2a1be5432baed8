"""What Prefect's pages show of a run costs the run next to nothing."""

from __future__ import annotations

from uuid import uuid4

import httpx
import pytest
from prefect.settings import PREFECT_CLIENT_MAX_RETRIES

from flows.artifacts import ProgressArtifact, show_summary
from flows.summary import OUTCOMES, summarise


class Clock:
    """Tells the seconds that it is told."""

    def __init__(self) -> None:
        self.now, self.each = 0.0, 0.0

    def __call__(self) -> float:
        told = self.now
        self.now += self.each
        return told


def test_a_server_that_answers_late_is_told_of_progress_rarely() -> None:
    """One that is gone takes a minute of attempts, in which no photo is taken in."""
    clock = Clock()
    artifact = ProgressArtifact(1000, every=5, clock=clock)
    artifact._id = uuid4()
    clock.now = 10
    artifact.update(1)
    assert artifact.updates == 1
    clock.now = 16
    clock.each = 60
    artifact.update(2)
    assert artifact.updates == 2
    clock.each = 0
    clock.now = 76 + 1190
    artifact.update(3)
    assert artifact.updates == 2
    clock.now = 76 + 1200
    artifact.update(4)
    clock.now += 5
    artifact.update(5)
    assert artifact.updates == 4


def test_a_server_that_is_away_is_asked_once_for_a_while_and_not_at_the_end(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """It is asked once, not again and again: photos wait meanwhile."""
    retries = []

    def away(*_: object, **__: object) -> None:
        retries.append(PREFECT_CLIENT_MAX_RETRIES.value())
        raise httpx.ConnectError("Connection refused")

    clock = Clock()
    artifact = ProgressArtifact(1000, every=5, clock=clock)
    artifact._id = uuid4()
    monkeypatch.setattr("flows.artifacts.FlowRunContext.get", lambda: "a flow runs")
    monkeypatch.setattr("flows.artifacts.update_progress_artifact", away)
    for clock.now, finished in ((6, 1), (12, 2), (1200, 3), (1205, 1000)):
        artifact.update(finished)
    assert retries == [0]
    clock.now = 1206
    artifact.update(1000)
    assert retries == [0, 0]


def test_a_server_that_answers_is_told_of_the_last_photo() -> None:
    clock = Clock()
    artifact = ProgressArtifact(1000, every=5, clock=clock)
    artifact._id = uuid4()
    clock.now, clock.each = 5, 3
    artifact.update(998)
    artifact.update(999)
    assert artifact.updates == 1
    artifact.update(1000)
    assert artifact.updates == 2


def test_a_server_that_is_away_is_asked_once_at_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each attempt takes a minute."""
    asked = []

    def away(*_: object, key: str, **__: object) -> None:
        asked.append(key)
        raise httpx.ConnectError("Connection refused")

    monkeypatch.setattr("flows.artifacts.FlowRunContext.get", lambda: "a flow runs")
    for create in ("create_table_artifact", "create_markdown_artifact"):
        monkeypatch.setattr(f"flows.artifacts.{create}", away)
    show_summary(
        summarise(1, "0" * 64, dict.fromkeys(("inputs", "already_done", *OUTCOMES), 0), 1.0), "a", []
    )
    assert asked == ["restore-outcomes"]
