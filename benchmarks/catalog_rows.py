"""A large catalog made inside the database: statements over a series of numbers, no row passes through Python.

Every photo has bytes, a location, a done work item, three files, a mask, measurements and three events; one in
four has a flag, one in twenty-five a second one. Values follow from the photo's number, so every catalog of
one size is the same. Runs hold 10,000 photos each, a night apart, in ten collections.
"""

from __future__ import annotations

from collections.abc import Callable

import sqlalchemy as sa
from sqlalchemy import Connection, Engine

from schemas import queue_upkeep, session
from schemas.tables import WorkItem

COLLECTIONS = 10
PER_RUN = 10_000
_CHUNK = 100_000

# i: the photo's number. spread: the same number mixed up, 0 … 2^31 - 1.
_SPREAD = "((n.i * 1103515245 + 12345) % 2147483648)"
_SHARE = f"({_SPREAD} % 10000) / 10000.0"

STATEMENTS = (
    """INSERT INTO asset (id, collection_id, key, stem, created_at)
       SELECT n.i, n.i % {collections} + 1, 'box ' || (n.i / 500) || '/' || n.i || '.tif',
              'box ' || (n.i / 500) || '/' || n.i, {time} FROM {series} n""",
    """INSERT INTO content (id, sha256, size, format, width, height, bit_depth, metadata, warnings, created_at)
       SELECT n.i, {hex}, 24000000, 'TIFF', 4000, 3000, 8, '{{"exif": {{}}}}', '[]', {time}
       FROM {series} n""",
    """INSERT INTO location (id, asset_id, content_id, uri, size, modified, first_seen, last_seen,
              last_seen_run_id)
       SELECT n.i, n.i, n.i, '/scans/box ' || (n.i / 500) || '/' || n.i || '.tif', 24000000, '', {time},
              {time}, (n.i - 1) / {per_run} * {collections} + n.i % {collections} + 1 FROM {series} n""",
    """INSERT INTO work_item (id, asset_id, content_id, input_sha, recipe_id, run_id, state, attempts,
              interruptions, tier, seconds, prefix, created_at, finished_at)
       SELECT n.i, n.i, n.i, {hex}, 1, (n.i - 1) / {per_run} * {collections} + n.i % {collections} + 1,
              CASE WHEN n.i % 50 = 0 THEN 'quarantined' WHEN n.i % 20 = 0 THEN 'skipped' ELSE 'done' END,
              1, 0, 'enhanced', 1.5, '', {time}, {time} FROM {series} n""",
    """INSERT INTO derivative (id, work_item_id, kind, tier, uri, sha256, size, media_type, created_at)
       SELECT n.i * 3 + k.k, n.i, CASE k.k WHEN 0 THEN 'restored' WHEN 1 THEN 'mask' ELSE 'sidecar' END,
              'enhanced', '/out/' || k.k || '/box ' || (n.i / 500) || '/' || n.i, {hex}, 9000000, 'image/tiff',
              {time}
       FROM {series} n CROSS JOIN (SELECT 0 AS k UNION ALL SELECT 1 UNION ALL SELECT 2) k""",
    """INSERT INTO mask (work_item_id, coverage, components, uri, sha256)
       SELECT n.i, {share}, n.i % 90, '/out/1/box ' || (n.i / 500) || '/' || n.i, {hex} FROM {series} n""",
    """INSERT INTO measurement (work_item_id, megapixels, mask_share, mask_components, uncertain_share,
              mean_change, colour_drift, faces_found, extra)
       SELECT n.i, 12, {share}, n.i % 90, {share} / 2, {share} / 10, {share} * 8, n.i % 4, '{{}}'
       FROM {series} n""",
    """INSERT INTO flag (work_item_id, code, severity, value, threshold, rule_version, explanation, state,
              created_at)
       SELECT n.i, 'mask-share', 'warning', {share}, 0.75, 1, 'A large part was masked.', 'open', {time}
       FROM {series} n WHERE {share} >= 0.75 AND n.i % 20 <> 0""",
    """INSERT INTO flag (work_item_id, code, severity, value, threshold, rule_version, explanation, state,
              created_at)
       SELECT n.i, 'everything-masked', 'serious', {share}, 0.96, 1, 'Nearly all was masked.', 'open', {time}
       FROM {series} n WHERE {share} >= 0.96 AND n.i % 20 <> 0""",
    """INSERT INTO event (type, at, outcome, detail, agent_id, asset_id, content_id, work_item_id, run_id)
       SELECT CASE k.k WHEN 0 THEN 'ingestion' WHEN 1 THEN 'validation' ELSE 'modification' END, {time},
              'success', '{{}}', 1, n.i, n.i, n.i, NULL
       FROM {series} n CROSS JOIN (SELECT 0 AS k UNION ALL SELECT 1 UNION ALL SELECT 2) k""",
)


def fill(engine: Engine, rows: int, on_progress: Callable[[int], None] = lambda done: None) -> None:
    """Fill a catalog that nobody has used with ``rows`` photos; a multiple of 100,000."""
    if rows % _CHUNK:
        raise ValueError(f"give a multiple of {_CHUNK:,} photos, not {rows:,}")
    with session.write(engine) as connection:
        _begin(connection, rows)
    for first in range(1, rows + 1, _CHUNK):
        with session.write(engine) as connection:
            for statement in STATEMENTS:
                connection.execute(sa.text(_spelled(connection, statement, first, first + _CHUNK - 1)))
            # The queue by the program's own means.
            for start in range(first, first + _CHUNK, 10_000):
                items = connection.scalars(
                    sa.select(WorkItem.id).where(WorkItem.id.between(start, start + 9_999))
                )
                queue_upkeep.refresh(connection, list(items))
        on_progress(first + _CHUNK - 1)
    with session.write(engine) as connection:
        _end(connection)


def _begin(connection: Connection, rows: int) -> None:
    time = _time(connection, "0")
    statements = [
        f"INSERT INTO recipe (id, sha256, document, created_at) VALUES (1, '{'ab' * 32}', '{{}}', {time})",
        "INSERT INTO agent (id, name, type) VALUES (1, 'oldphoto 0', 'software')",
        *(
            f"INSERT INTO collection (id, name, created_at, photos) VALUES ({n}, 'collection {n}', {time}, 0)"
            for n in range(1, COLLECTIONS + 1)
        ),
        *(
            "INSERT INTO run (id, collection_id, recipe_id, parameters, state, started_at, planned_at, finished_at, "
            f"seconds) VALUES ({n + 1}, {n % COLLECTIONS + 1}, 1, '{{}}', 'completed', "
            f"{_time(connection, str(n // COLLECTIONS * PER_RUN))}, {time}, "
            f"{_time(connection, str(n // COLLECTIONS * PER_RUN))}, 3600)"
            for n in range((rows + PER_RUN - 1) // PER_RUN * COLLECTIONS)
        ),
    ]
    for statement in statements:
        connection.execute(sa.text(_escaped(statement)))


def _end(connection: Connection) -> None:
    """Count what the program would have counted, and let the database look at its columns."""
    for statement in (
        "INSERT INTO outcome_tally (run_id, state, photos, seconds) SELECT run_id, state, COUNT(*), SUM(seconds) "
        "FROM work_item GROUP BY run_id, state",
        "UPDATE collection SET photos = (SELECT COUNT(*) FROM asset WHERE collection_id = collection.id)",
        "UPDATE run SET inputs = 0, already_done = 0, done = 0, skipped = 0, quarantined = 0, failed = 0, "
        "pending = 0",
    ):
        connection.execute(sa.text(statement))
    if connection.dialect.name == "postgresql":
        for table in (
            "asset",
            "content",
            "location",
            "work_item",
            "derivative",
            "mask",
            "measurement",
            "flag",
            "event",
            "collection",
            "run",
            "recipe",
            "agent",
        ):
            key = "work_item_id" if table in ("mask", "measurement") else "id"
            if key == "id":
                connection.execute(
                    sa.text(
                        f"SELECT setval(pg_get_serial_sequence('{table}', 'id'), (SELECT MAX(id) FROM {table}))"
                    )
                )
        connection.execute(sa.text("ANALYZE"))


def _spelled(connection: Connection, statement: str, first: int, last: int) -> str:
    postgres = connection.dialect.name == "postgresql"
    digits = f"lpad(to_hex({_SPREAD}), 8, '0')" if postgres else f"printf('%08x', {_SPREAD})"
    series = (
        f"(SELECT i::bigint AS i FROM generate_series({first}, {last}) i)"
        if postgres
        else f"(WITH RECURSIVE s(i) AS (SELECT {first} UNION ALL SELECT i + 1 FROM s WHERE i < {last}) "
        "SELECT i FROM s)"
    )
    number = "lpad(n.i::text, 56, '0')" if postgres else "printf('%056d', n.i)"
    text = statement.format(
        collections=COLLECTIONS,
        per_run=PER_RUN,
        hex=f"({digits} || {number})",
        share=f"({_SHARE})",
        series=series,
        time=_time(connection, f"((n.i - 1) / {PER_RUN} * {PER_RUN})"),
    )
    return _escaped(text)


def _time(connection: Connection, photo: str) -> str:
    """SQL for when a photo was done: the last night's run ended an hour ago, each 10,000 earlier a day before."""
    days = f"(({photo}) / {PER_RUN})"
    if connection.dialect.name == "postgresql":
        return f"(timestamptz '2024-01-01 02:00:00+00' + {days} * interval '1 day')"
    return f"strftime('%Y-%m-%d %H:%M:%f000', '2024-01-01 02:00:00', '+' || {days} || ' days')"


def _escaped(statement: str) -> str:
    # A colon in a statement is text here, not a parameter.
    return statement.replace(":", "\\:").replace("\\:\\:", "\\:\\:")
