"""A catalog on SQLite, and the same on a real PostgreSQL that the session starts for itself."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import pytest
import sqlalchemy as sa

from schemas.repository import Catalog
from schemas.session import create_engine


class PostgresServer:
    """A PostgreSQL server of our own: data in a new folder, reached over a socket in it, gone afterwards."""

    def __init__(self, programs: Path) -> None:
        self.programs = programs
        # Short, since a socket's path holds about 100 characters; not pytest's, which only its owner may enter.
        self.home = Path(tempfile.mkdtemp(prefix="oldphoto-pg-", dir="/tmp"))
        self.user = _user_for_server()
        if self.user:
            os.chown(self.home, self.user.pw_uid, self.user.pw_gid)

    def _call(self, program: str, *arguments: str) -> None:
        subprocess.run(
            [str(self.programs / program), *arguments],
            check=True,
            cwd=self.home,
            env={"PATH": os.environ["PATH"], "HOME": str(self.home), "LC_ALL": "C.UTF-8"},
            stdout=subprocess.DEVNULL,
            timeout=120,
            user=self.user.pw_uid if self.user else None,
            group=self.user.pw_gid if self.user else None,
            extra_groups=[] if self.user else None,
        )

    def start(self) -> None:
        """Make the cluster and start it. Its language is English: strings do not sort by code point there."""
        language = ["--locale-provider=icu", "--icu-locale=en-US"]
        data = ["-D", str(self.home / "data")]
        self._call("initdb", *data, "-U", "archive", "-A", "trust", "-E", "UTF8", "--no-sync", *language)
        settings = f"-c listen_addresses='' -c unix_socket_directories='{self.home}' -c fsync=off"
        self._call("pg_ctl", *data, "-w", "-o", settings, "-l", str(self.home / "log"), "start")

    def stop(self) -> None:
        """Stop the server and remove its data."""
        self._call("pg_ctl", "-D", str(self.home / "data"), "-w", "-m", "immediate", "stop")
        shutil.rmtree(self.home, ignore_errors=True)

    @property
    def url(self) -> str:
        """The database's URL as an operator writes it, without naming a driver."""
        return self.url_of("postgres")

    def url_of(self, database: str) -> str:
        """Return the URL of another database of the server."""
        return f"postgresql://archive@/{database}?host={quote(str(self.home))}"

    def copy(self, database: str, template: str) -> str:
        """Make a database like another that nobody is connected to, in place of an older one; return its URL."""
        engine = create_engine(self.url).execution_options(isolation_level="AUTOCOMMIT")
        with engine.connect() as connection:
            connection.execute(sa.text(f'DROP DATABASE IF EXISTS "{database}" WITH (FORCE)'))
            connection.execute(sa.text(f'CREATE DATABASE "{database}" TEMPLATE "{template}"'))
        engine.dispose()
        return self.url_of(database)

    def empty(self) -> str:
        """Remove every table; return the URL. (A database for each test would be a thousand files each.)"""
        engine = create_engine(self.url)
        with engine.begin() as connection:
            connection.execute(sa.text("DROP SCHEMA public CASCADE"))
            connection.execute(sa.text("CREATE SCHEMA public"))
        engine.dispose()
        return self.url


def _user_for_server() -> pwd.struct_passwd | None:
    """Return whom the server runs as: PostgreSQL refuses to be root."""
    if os.geteuid() != 0:
        return None
    for name in ("postgres", "nobody"):
        try:
            return pwd.getpwnam(name)
        except KeyError:
            continue
    pytest.skip("PostgreSQL does not run as root, and there is no other user")


def _programs() -> Path:
    on_path = shutil.which("initdb")
    folders = [Path(on_path).parent] if on_path else []
    folders += sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    for folder in folders:
        if (folder / "initdb").exists() and (folder / "pg_ctl").exists():
            return folder
    pytest.skip("PostgreSQL's server programs (initdb, pg_ctl) are not installed")


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresServer]:
    server = PostgresServer(_programs())
    try:
        server.start()
    except (subprocess.CalledProcessError, subprocess.TimeoutExpired, OSError) as error:
        shutil.rmtree(server.home, ignore_errors=True)
        pytest.skip(f"PostgreSQL does not start here: {error}")
    yield server
    server.stop()


BOTH = ["sqlite", pytest.param("postgresql", marks=pytest.mark.integration)]


@pytest.fixture(params=BOTH)
def empty_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of a database without any table."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'catalog.db'}"
    server: PostgresServer = request.getfixturevalue("postgres")
    return server.empty()


@pytest.fixture(scope="session")
def new_catalog(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A SQLite catalog that nobody has used, to be copied: migrating takes longer than most tests."""
    path = tmp_path_factory.mktemp("template") / "catalog.db"
    Catalog.open(f"sqlite:///{path}").close()
    return path


@pytest.fixture(scope="session")
def new_postgres_catalog(postgres: PostgresServer) -> str:
    """The same as a database of the server; its name."""
    name = "new_catalog"
    Catalog.open(postgres.copy(name, "template1")).close()
    return name


@pytest.fixture(params=BOTH)
def catalog(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Catalog]:
    """A catalog that nobody has used."""
    if request.param == "sqlite":
        url = f"sqlite:///{tmp_path / 'catalog.db'}"
        shutil.copy(request.getfixturevalue("new_catalog"), tmp_path / "catalog.db")
    else:
        server: PostgresServer = request.getfixturevalue("postgres")
        url = server.copy("catalog", request.getfixturevalue("new_postgres_catalog"))
    with Catalog.open(url) as opened:
        yield opened
