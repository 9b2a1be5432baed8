"""Starting the desk: who may reach it, how the first person gets in, and accounts from the command line."""

from __future__ import annotations

import json
import re
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from typer.testing import CliRunner

from cli.main import build_app
from cli.review import _settings
from oldphoto_core.errors import UsageError
from review.passwords import is_right
from review.places import known_roots
from review.serve import bind, open_desk
from review.settings import DeskSettings, ProxySignIn, host_name, is_loopback, networks
from schemas.repository import Catalog
from schemas.review_records import Role

PASSWORD = "correct horse battery"


@pytest.fixture
def empty(tmp_path: Path) -> Path:
    """A destination whose catalog has no account."""
    folder = tmp_path / "results"
    Catalog.open(f"sqlite:///{folder / 'catalog.db'}").close()
    return folder


def add(folder: Path, *arguments: str, password: str | None = PASSWORD) -> str:
    answer = CliRunner().invoke(
        build_app(), ["review", str(folder), *arguments], input=f"{password}\n" if password else None
    )
    return answer.output + (str(answer.exception) if answer.exception else "")


def test_an_account_is_added_and_renewed(empty: Path) -> None:
    assert "may sign in as curator" in add(empty, "--add-account", "anna", "--role", "curator")
    with Catalog.open(f"sqlite:///{empty / 'catalog.db'}") as catalog:
        account = catalog.account("anna")
        assert account is not None
        assert account.role is Role.CURATOR
        assert is_right(PASSWORD, account.password_hash)
        assert not is_right(PASSWORD + "x", account.password_hash)
    assert "new password and the role curator" in add(
        empty, "--add-account", "anna", password="another long one"
    )
    assert "the role admin" in add(
        empty, "--add-account", "anna", "--role", "admin", password="another long one"
    )
    told = [json.loads(add(empty, "--add-account", "carl", "--json")) for _ in range(2)]
    assert [one["new"] for one in told] == [True, False]
    assert told[0]["account"] == "carl"
    assert "10 to 1024" in add(empty, "--add-account", "bob", password="short")
    assert "no role" in add(empty, "--add-account", "bob", "--role", "king")


def test_without_accounts_only_this_machine_is_served(empty: Path, tmp_path: Path) -> None:
    settings = DeskSettings(roots=(), cache=tmp_path / "cache")
    with Catalog.open(f"sqlite:///{empty / 'catalog.db'}") as catalog:
        assert open_desk(catalog, settings, "127.0.0.1")[1] is not None
        for host in ("0.0.0.0", "10.0.0.7", "photos.example"):
            with pytest.raises(UsageError, match="--add-account"):
                open_desk(catalog, settings, host)
        catalog.add_account("anna", Role.ADMIN, None)
        assert open_desk(catalog, settings, "0.0.0.0")[1] is None
        assert open_desk(catalog, settings, "127.0.0.1")[1] is None


def test_what_is_loopback() -> None:
    assert all(map(is_loopback, ("localhost", "127.0.0.1", "127.8.8.8", "::1")))
    assert not any(map(is_loopback, ("0.0.0.0", "::", "192.168.0.2", "example.org")))
    with pytest.raises(UsageError):
        networks(("10.0.0.0/99",))


def test_whoever_comes_before_the_server_has_started_waits() -> None:
    listener = bind("127.0.0.1", 0)
    with socket.create_connection(listener.getsockname(), timeout=10) as visitor:
        accepted, _ = listener.accept()
        accepted.close()
        assert visitor.recv(1) == b""
    listener.close()


def test_answers_do_not_wait_for_acknowledgements() -> None:
    listener = bind("127.0.0.1", 0)
    try:
        assert listener.proto == socket.IPPROTO_TCP, "the event loop sets TCP_NODELAY on such sockets only"
    finally:
        listener.close()


def test_a_taken_port_is_told() -> None:
    listener = bind("127.0.0.1", 0)
    with pytest.raises(UsageError, match="Choose another --port"):
        bind("127.0.0.1", listener.getsockname()[1])
    listener.close()


def test_a_proxy_needs_header_and_address(empty: Path) -> None:
    assert "needs both" in add(empty, "--proxy-header", "X-Remote-User", password=None)


def test_a_name_is_what_browsers_send(empty: Path) -> None:
    told = {"photos.museum.example": "photos.museum.example", "fotos.münchen.de": "fotos.xn--mnchen-3ya.de"}
    told |= {
        name: name for name in ("*", "*.museum.example", "archive_1", "10.0.0.7", "fd00::7", "[fd00::7]")
    }
    assert {name: host_name(name) for name in told} == told
    for name in (
        "https://museum.example",
        "museum.example:8474",
        "museum.example/desk",
        "*museum",
        "a..b",
        "",
    ):
        assert "without https:// and port" in add(empty, f"--name={name}", password=None), name


def test_a_web_server_in_front_is_no_proxy_that_signs_people_in(catalog: Catalog) -> None:
    def stated(header: str | None) -> DeskSettings:
        return _settings(catalog, [], None, 1.0, "127.0.0.1", None, True, header, ["10.0.0.5"])

    place = networks(("10.0.0.5",))
    assert (stated(None).proxy, stated(None).forwarders) == (None, place)
    assert (stated("X-User").proxy, stated("X-User").forwarders) == (ProxySignIn("X-User", place), place)


def test_roots_are_what_the_runs_name(archive: Path, catalog: Catalog) -> None:
    assert set(known_roots(catalog, ["s3://bucket/prefix/"])) == {
        str(archive / "scans"),
        str(archive / "out"),
        "s3://bucket/prefix",
    }


def test_a_root_may_be_named_by_its_address(catalog: Catalog, tmp_path: Path) -> None:
    folder = tmp_path / "scans of 1920"
    folder.mkdir()
    assert str(folder) in known_roots(catalog, [folder.as_uri()])


@pytest.fixture(params=[[], ["--json"]], ids=["words", "json"])
def started(empty: Path, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[str]:
    """The command itself, running; the link that it prints."""
    command = [
        sys.executable,
        "-m",
        "cli.main",
        "review",
        str(empty),
        "--port",
        "0",
        "--cache",
        str(tmp_path / "c"),
        *request.param,
    ]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        if request.param:
            yield json.loads(process.stdout.readline())["link"]
        else:
            link = next(
                found for line in process.stdout if (found := re.search(r"http://\S+token=\S+", line))
            )
            yield link[0]
        process.terminate()


@pytest.mark.e2e
def test_the_printed_link_opens_the_desk(started: str) -> None:
    with httpx.Client(follow_redirects=True, timeout=60) as client:
        answer = client.get(started)
        assert answer.status_code == 200
        assert "Everything that was flagged is decided" in answer.text
    assert httpx.get(started, timeout=60).status_code == 403
