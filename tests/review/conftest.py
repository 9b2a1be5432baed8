"""A running desk for each test, on SQLite and on PostgreSQL: a copy of one archive, a real server, people."""

from __future__ import annotations

import html
import re
import shutil
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
import pytest
import sqlalchemy as sa
import uvicorn

from review.app import create_app
from review.desk import Desk
from review.places import known_roots
from review.serve import bind
from review.settings import DeskSettings
from schemas.repository import Catalog
from schemas.session import create_engine
from tests.review.archive import PASSWORD, make_archive
from tests.review.chromium import chromium
from tests.schemas.conftest import BOTH, PostgresServer, postgres  # noqa: F401

if TYPE_CHECKING:
    from playwright.sync_api import Browser

TEMPLATE = "desk-template"
TOKEN = re.compile(r'<meta name="csrf" content="([^"]+)">')


class Visitor:
    """Somebody at a browser without scripts."""

    def __init__(self, address: str) -> None:
        self.client = httpx.Client(base_url=address, follow_redirects=False, timeout=30)
        self.token = ""

    def sign_in(self, name: str, password: str = PASSWORD) -> httpx.Response:
        """Fill in the form as a browser would."""
        self.get("/sign-in")
        answer = self.post("/sign-in", name=name, password=password)
        self.get("/queue")
        return answer

    def balanced_from(self, other: Visitor) -> None:
        """Be another visitor's browser, which a balancer sends here: same cookies, same address in its bar."""
        self.client.headers["Host"] = other.client.base_url.netloc.decode()
        self.client.cookies = other.client.cookies

    def get(self, path: str, **more: Any) -> httpx.Response:
        """Look at a page and remember its token."""
        answer = self.client.get(path, **more)
        if found := TOKEN.search(answer.text):
            self.token = html.unescape(found[1])
        return answer

    def post(self, path: str, **fields: Any) -> httpx.Response:
        """Send a form with the page's token."""
        return self.client.post(path, data={"csrf": self.token, **fields})

    def fields(self, path: str) -> dict[str, str]:
        """Return the hidden fields of a page's decision form."""
        text = self.get(path).text
        names = ("output_sha256", "seen_review")
        return {name: re.search(rf'name="{name}" value="([^"]*)"', text)[1] for name in names}  # type: ignore[index]


@pytest.fixture(scope="session")
def archive_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("review-archive")
    make_archive(folder)
    return folder


@pytest.fixture(scope="session")
def postgres_template(postgres: PostgresServer, tmp_path_factory: pytest.TempPathFactory) -> Path:  # noqa: F811
    """The same archive with its catalog in the database :data:`TEMPLATE`."""
    folder = tmp_path_factory.mktemp("review-archive-postgres")
    make_archive(folder, url=postgres.copy(TEMPLATE, "template1"))
    return folder


@pytest.fixture(params=BOTH)
def database(request: pytest.FixtureRequest) -> str:
    """Which database holds the catalog; a module whose laws do not touch it may name one."""
    return str(request.param)


@pytest.fixture
def archive(database: str, request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """A fresh copy of the archive's files, and on SQLite of its catalog."""
    template = "archive_template" if database == "sqlite" else "postgres_template"
    folder = tmp_path / "archive"
    shutil.copytree(request.getfixturevalue(template), folder)
    return folder


@pytest.fixture
def catalog_url(database: str, archive: Path, request: pytest.FixtureRequest) -> str:
    """The URL of a fresh copy of the catalog, whose addresses are those of the copied files."""
    if database == "sqlite":
        url, template = f"sqlite:///{archive / 'out' / 'catalog.db'}", "archive_template"
    else:
        url, template = request.getfixturevalue("postgres").copy("desk", TEMPLATE), "postgres_template"
    moved = {"old": str(request.getfixturevalue(template)), "new": str(archive)}
    engine = create_engine(url)
    with engine.begin() as connection:
        for table in ("location", "derivative", "mask"):
            connection.execute(sa.text(f"UPDATE {table} SET uri = replace(uri, :old, :new)"), moved)
        text = "parameters" if database == "sqlite" else "CAST(parameters AS text)"
        replaced = f"replace({text}, :old, :new)"
        parameters = replaced if database == "sqlite" else f"CAST({replaced} AS jsonb)"
        connection.execute(sa.text(f"UPDATE run SET parameters = {parameters}"), moved)
    engine.dispose()
    return url


@pytest.fixture
def catalog(catalog_url: str) -> Iterator[Catalog]:
    with Catalog.open(catalog_url, create=False) as opened:
        yield opened


@pytest.fixture
def settings(catalog: Catalog, tmp_path: Path) -> DeskSettings:
    return DeskSettings(roots=known_roots(catalog, []), cache=tmp_path / "cache")


@contextmanager
def running(desk: Desk) -> Iterator[str]:
    """Serve a desk in this process and give its address."""
    listener = bind("127.0.0.1", 0)
    server = uvicorn.Server(
        uvicorn.Config(create_app(desk), log_level="error", access_log=False, proxy_headers=False)
    )
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
    thread.start()
    while not server.started and thread.is_alive():
        time.sleep(0.005)
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join(10)


@pytest.fixture
def desk(catalog: Catalog, settings: DeskSettings) -> Desk:
    return Desk(catalog, settings, "word-of-the-link")


@pytest.fixture
def address(desk: Desk) -> Iterator[str]:
    with running(desk) as found:
        yield found


@pytest.fixture
def visitor(address: str) -> Visitor:
    return Visitor(address)


@pytest.fixture
def signed_in(address: str) -> Callable[[str], Visitor]:
    def as_role(role: str) -> Visitor:
        visitor = Visitor(address)
        assert visitor.sign_in(role).status_code == 303
        return visitor

    return as_role


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as opened:
        yield opened


@pytest.fixture
def desk_with(catalog: Catalog, settings: DeskSettings) -> Callable[..., Desk]:
    def make(**changes: Any) -> Desk:
        return Desk(catalog, replace(settings, **changes))

    return make
