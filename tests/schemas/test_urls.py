"""A password is in no URL that somebody may read."""

from __future__ import annotations

import pytest

from schemas.errors import CatalogUnavailableError
from schemas.urls import catalog_url, parse_url, shown, split_password


@pytest.mark.parametrize("scheme", ["postgresql", "postgres", "postgresql+psycopg"])
def test_postgresql_means_psycopg_3(scheme: str) -> None:
    assert catalog_url(f"{scheme}://me@host/catalog").drivername == "postgresql+psycopg"


@pytest.mark.parametrize("url", ["nonsense", "mysql://host/catalog", "oracle://host/x", ""])
def test_urls_of_nothing_we_know(url: str) -> None:
    with pytest.raises(CatalogUnavailableError):
        catalog_url(url)


@pytest.mark.parametrize(
    ("url", "seen"),
    [
        ("postgresql://me:secret@host/archive", "postgresql://me:***@host/archive"),
        (
            "postgresql:///archive?host=db&password=secret&user=me",
            "postgresql:///archive?host=db&password=***&user=me",
        ),
        (
            "postgresql://me:secret@host/archive?sslpassword=secret",
            "postgresql://me:***@host/archive?sslpassword=***",
        ),
        ("postgresql://me:secret@host:port/archive", "postgresql://…"),
        ("sqlite:////archive/catalog.db", "sqlite:////archive/catalog.db"),
        ("/archive/catalog.db", "/archive/catalog.db"),
    ],
)
def test_a_url_is_shown_without_its_passwords(url: str, seen: str) -> None:
    assert shown(url) == seen


@pytest.mark.parametrize(
    ("url", "bare", "password"),
    [
        (
            "postgresql://me:a%40b@host:5433/x?sslmode=require",
            "postgresql://me@host:5433/x?sslmode=require",
            "a@b",
        ),
        ("postgresql:///x?host=%2Frun&password=a%40b&user=me", "postgresql:///x?host=%2Frun&user=me", "a@b"),
        ("postgresql://me:one@host/x?password=two", "postgresql://me@host/x", "two"),
        ("postgresql://me@host/x", "postgresql://me@host/x", None),
        ("sqlite:////archive/catalog.db", "sqlite:////archive/catalog.db", None),
    ],
)
def test_a_password_is_taken_out(url: str, bare: str, password: str | None) -> None:
    assert split_password(url) == (bare, password)


def test_what_cannot_be_taken_apart_is_refused_unseen() -> None:
    with pytest.raises(CatalogUnavailableError) as caught:
        split_password("postgresql://me:secret@host:port/archive")
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "database", "options"),
    [
        ("sqlite:////a/catalog.db", "/a/catalog.db", {}),
        ("sqlite:////a?/catalog.db", "/a?/catalog.db", {}),
        ("sqlite:////a?b=c/catalog.db", "/a?b=c/catalog.db", {}),
        ("sqlite:////a/what?.db", "/a/what?.db", {}),
        (
            "sqlite:////a?/catalog.db?timeout=5&cached_statements=0",
            "/a?/catalog.db",
            {"timeout", "cached_statements"},
        ),
        ("sqlite+pysqlite:///b.db?mode=ro", "b.db", {"mode"}),
        ("sqlite://", None, {}),
        ("postgresql://me@host/archive?host=/run", "archive", {"host"}),
    ],
)
def test_a_question_mark_begins_options_only_where_they_follow(
    text: str, database: str | None, options: set[str]
) -> None:
    url = parse_url(text)
    assert url.database == database
    assert set(url.query) == set(options)
    assert parse_url(url.render_as_string(hide_password=False)) == url
