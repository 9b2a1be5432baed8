"""What the engines find: no password in what Prefect stores of a run, and a place for their files."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from actors.errors import EngineError
from cli.environment import check_home, keep_password


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


def test_engines_need_a_place_for_their_files_and_make_it_themselves(tmp_path: Path) -> None:
    os.environ.pop("PREFECT_HOME", None)
    os.environ["HOME"] = str(tmp_path / "new")
    check_home("ray", own_server=True)
    assert not (tmp_path / "new").exists()


@pytest.mark.parametrize(
    ("home", "prefect", "executor", "lacking"),
    [
        ("/dev/null/home", None, "inline", "Prefect"),
        ("/dev/null/home", "/tmp", "ray", "Ray"),
        ("/dev/null/home", "/tmp", "inline", None),
        ("/tmp", "/dev/null", "inline", "Prefect"),
    ],
)
def test_without_one_it_is_said_before_they_fail(
    home: str, prefect: str | None, executor: str, lacking: str | None
) -> None:
    for name in ("PREFECT_HOME", "RAY_ADDRESS", "RAY_AUTH_MODE", "RAY_AUTH_TOKEN", "RAY_AUTH_TOKEN_PATH"):
        os.environ.pop(name, None)
    os.environ["HOME"] = home
    if prefect is not None:
        os.environ["PREFECT_HOME"] = prefect
    if lacking is None:
        check_home(executor, own_server=True)
        return
    with pytest.raises(EngineError, match=rf"^{lacking} keeps its files in /\S+, .*Set HOME"):
        check_home(executor, own_server=True)


def test_with_a_server_elsewhere_prefect_needs_no_place() -> None:
    os.environ.update(HOME="/dev/null/home", PREFECT_HOME="/dev/null")
    check_home("inline", own_server=False)
