"""Sessions: who is signed in at which browser, kept in this process only.

The browser holds a random token, the desk its digest; signing out or restarting the desk ends it. Every
session has a token of its own against forged requests (CSRF), also before anybody has signed in.
"""

from __future__ import annotations

import hashlib
import secrets
import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from review.roles import Role

_MOST_SESSIONS = 10_000


@dataclass(frozen=True)
class Person:
    """Somebody signed in."""

    name: str
    role: Role
    is_local: bool = False
    """Signed in by the link in the terminal, without an account."""


@dataclass
class Session:
    """One browser's session; ``person`` is None until somebody signs in.

    ``undo`` holds the last decisions: ``decision``, ``key`` and ``reviews`` as (item, review) pairs.
    """

    person: Person | None = None
    csrf: str = field(default_factory=lambda: secrets.token_urlsafe(32))
    last_seen: float = 0.0
    undo: list[dict[str, Any]] = field(default_factory=list)


class SessionStore:
    """All sessions of this process; safe to share between threads.

    Args:
        idle_seconds: a session ends after so long without a request.
        clock: seconds, never going back.
    """

    def __init__(self, idle_seconds: float, clock: Callable[[], float] = time.monotonic) -> None:
        self.idle_seconds, self.clock = idle_seconds, clock
        self._sessions: OrderedDict[str, Session] = OrderedDict()
        self._guard = threading.Lock()

    def begin(self, person: Person | None = None) -> tuple[str, Session]:
        """Return a new session and the token that the browser gets."""
        token = secrets.token_urlsafe(32)
        session = Session(person, last_seen=self.clock())
        with self._guard:
            self._sessions[_digest(token)] = session
            while len(self._sessions) > _MOST_SESSIONS:
                self._sessions.popitem(last=False)
        return token, session

    def find(self, token: str | None) -> Session | None:
        """Return the token's session if it has not ended, and note that it was used."""
        if not token:
            return None
        name, now = _digest(token), self.clock()
        with self._guard:
            session = self._sessions.get(name)
            if session is None:
                return None
            if now - session.last_seen > self.idle_seconds:
                del self._sessions[name]
                return None
            session.last_seen = now
            self._sessions.move_to_end(name)
            return session

    def end(self, token: str | None) -> None:
        """Forget a session."""
        if token:
            with self._guard:
                self._sessions.pop(_digest(token), None)

    def end_all_of(self, name: str) -> None:
        """Forget every session of a person."""
        with self._guard:
            for token in [
                key for key, one in self._sessions.items() if one.person and one.person.name == name
            ]:
                del self._sessions[token]


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).hexdigest()
