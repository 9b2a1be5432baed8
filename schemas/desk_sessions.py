"""Sessions of the review desk in the catalog: shared by all of its processes, ended for all of them at once.

A session is found by the SHA-256 of its token, which only a browser has: whoever reads the catalog cannot sign in
with what stands there. What a session may do is looked up in its account each time, never stored.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from sqlalchemy import Connection, Engine, Row, Select, delete, insert, select, update

from schemas import session
from schemas.review_records import Role
from schemas.statements import now
from schemas.tables import Account, DeskSession, DeskStep

MOST_SESSIONS = 50
"""So many sessions a name may have; a new one ends the one not used for longest."""
MOST_STEPS = 50
"""So many decisions a session can take back."""
SEEN_EVERY = timedelta(minutes=5)
"""A session's last use is noted to this precision, so that looking at pages does not write."""


@dataclass(frozen=True)
class SessionRecord:
    """A session that has not ended. ``role`` is the account's at this moment; None where ``desk`` is given."""

    name: str
    role: Role | None
    desk: str | None


@dataclass(frozen=True)
class StepRecord:
    """A decision that can be taken back: on ``key`` (a photo, or "7 photos"), as (item, review) pairs."""

    decision: str
    key: str
    reviews: tuple[tuple[int, int], ...]


class SessionOperations:
    """What the desk asks of a catalog about sessions. Each method is one transaction."""

    engine: Engine

    def begin_session(
        self, token_sha256: str, name: str, idle: timedelta, *, desk: str | None = None
    ) -> None:
        """Record a session; sessions without a request for ``idle`` are forgotten on the way.

        ``desk``: for a person without an account, the start of the desk that let them in.
        """
        with session.write(self.engine) as connection:
            moment = now()
            _forget(connection, _tokens().where(DeskSession.seen_at < moment - idle))
            newest_first = DeskSession.seen_at.desc(), DeskSession.token_sha256
            older = _tokens().where(DeskSession.name == name).order_by(*newest_first)
            _forget(connection, older.offset(MOST_SESSIONS - 1).limit(MOST_SESSIONS))
            row = {"token_sha256": token_sha256, "name": name, "desk": desk}
            connection.execute(insert(DeskSession), [{**row, "begun_at": moment, "seen_at": moment}])

    def find_session(self, token_sha256: str, idle: timedelta) -> SessionRecord | None:
        """Return the session if it has not ended: not idle for too long, its account there and not disabled."""
        query = (
            select(DeskSession.name, DeskSession.desk, DeskSession.seen_at, Account.role)
            .outerjoin(Account, (Account.name == DeskSession.name) & Account.disabled.is_(False))
            .where(DeskSession.token_sha256 == token_sha256)
        )
        with session.read(self.engine) as connection:
            row = connection.execute(query).one_or_none()
        moment = now()
        if row is None or moment - row.seen_at > idle or (row.desk is None and row.role is None):
            return None
        if moment - row.seen_at > min(SEEN_EVERY, idle / 2):
            with session.write(self.engine) as connection:
                seen = update(DeskSession).where(DeskSession.token_sha256 == token_sha256)
                connection.execute(seen.values(seen_at=moment))
        return SessionRecord(row.name, Role(row.role) if row.desk is None else None, row.desk)

    def end_session(self, token_sha256: str) -> None:
        """Forget a session, here and at every other process."""
        with session.write(self.engine) as connection:
            _forget(connection, _tokens().where(DeskSession.token_sha256 == token_sha256))

    def add_step(self, token_sha256: str, step: StepRecord) -> None:
        """Note what a session decided, so that it can be taken back; nothing if the session has ended."""
        with session.write(self.engine) as connection:
            # Locked, so that a session which ends meanwhile does not leave this step without one.
            held = _tokens().where(DeskSession.token_sha256 == token_sha256).with_for_update()
            if connection.scalar(held) is None:
                return
            row = {"token_sha256": token_sha256, "decision": step.decision, "key": step.key}
            connection.execute(insert(DeskStep), [{**row, "reviews": [list(pair) for pair in step.reviews]}])
            old = _steps(token_sha256).with_only_columns(DeskStep.id).offset(MOST_STEPS).limit(MOST_STEPS)
            connection.execute(delete(DeskStep).where(DeskStep.id.in_(connection.scalars(old).all())))

    def last_step(self, token_sha256: str) -> StepRecord | None:
        """Return what a session decided last and has not taken back."""
        with session.read(self.engine) as connection:
            return _step(connection.execute(_steps(token_sha256).limit(1)).one_or_none())

    def take_step(self, token_sha256: str) -> StepRecord | None:
        """Return what :meth:`last_step` does and strike it out; of two that ask at once, one gets it."""
        with session.write(self.engine) as connection:
            row = connection.execute(_steps(token_sha256).limit(1).with_for_update()).one_or_none()
            if row is not None:
                connection.execute(delete(DeskStep).where(DeskStep.id == row.id))
            return _step(row)


def end_all(connection: Connection, name: str) -> None:
    """End every session of an account, in the caller's transaction."""
    _forget(connection, _tokens().where(DeskSession.name == name, DeskSession.desk.is_(None)))


def _tokens() -> Select[tuple[str]]:
    return select(DeskSession.token_sha256)


def _steps(token_sha256: str) -> Select[Any]:
    return (
        select(DeskStep.id, DeskStep.decision, DeskStep.key, DeskStep.reviews)
        .where(DeskStep.token_sha256 == token_sha256)
        .order_by(DeskStep.id.desc())
    )


def _forget(connection: Connection, chosen: Select[tuple[str]]) -> None:
    """Delete sessions and their steps. Taken in one order, so that two who do it never wait for each other."""
    tokens: Sequence[str] = sorted(connection.scalars(chosen).all())
    if not tokens:
        return
    held = _tokens().where(DeskSession.token_sha256.in_(tokens)).order_by(DeskSession.token_sha256)
    connection.execute(held.with_for_update())
    connection.execute(delete(DeskStep).where(DeskStep.token_sha256.in_(tokens)))
    connection.execute(delete(DeskSession).where(DeskSession.token_sha256.in_(tokens)))


def _step(row: Row[Any] | None) -> StepRecord | None:
    if row is None:
        return None
    return StepRecord(row.decision, row.key, tuple((int(item), int(review)) for item, review in row.reviews))
