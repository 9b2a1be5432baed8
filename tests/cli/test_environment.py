"""What Prefect stores of a run holds no password: the driver gets it through the environment."""

from __future__ import annotations

import os

import pytest

from cli.environment import keep_password


@pytest.fixture(autouse=True)
def own_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "environ", {**os.environ, "PGPASSWORD": "another"})


@pytest.mark.parametrize("url", ["postgresql://me:secret@host/x", "postgresql://me@host/x?password=secret"])
def test_a_password_goes_to_the_driver(url: str) -> None:
    assert keep_password(url) == "postgresql://me@host/x"
    assert os.environ["PGPASSWORD"] == "secret"


@pytest.mark.parametrize("catalog", [None, "", "/archive", "sqlite:////x.db", "postgresql://me@host/x"])
def test_what_has_no_password_stays(catalog: str | None) -> None:
    assert keep_password(catalog) == catalog
    assert os.environ["PGPASSWORD"] == "another"
