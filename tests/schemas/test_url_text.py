from __future__ import annotations

import pytest

from schemas.url_text import parse_url


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
