"""Sessions: who is signed in at which browser, kept in the catalog, so that every process of the desk knows.

The browser holds a random token, the catalog its digest; signing out ends the session everywhere. The token
against forged requests (CSRF) is made from the browser's own, so that it needs no keeping, also before anybody has
signed in: who cannot read the cookie cannot make it.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from dataclasses import dataclass
from datetime import timedelta

from review.roles import Role
from schemas.desk_sessions import StepRecord
from schemas.repository import Catalog


@dataclass(frozen=True)
class Person:
    """Somebody signed in."""

    name: str
    role: Role
    is_local: bool = False
    """Signed in by the link in the terminal, without an account."""


@dataclass(frozen=True)
class Session:
    """One browser's session; ``person`` is None where nobody is signed in, and there is nothing to take back."""

    token: str
    person: Person | None
    catalog: Catalog

    @property
    def csrf(self) -> str:
        """The token that a change has to carry."""
        return hmac.new(_bytes(self.token), b"oldphoto csrf", hashlib.sha256).hexdigest()

    def remember(self, step: StepRecord) -> None:
        """Note a decision, so that it can be shown on the next page and taken back."""
        self.catalog.add_step(_digest(self.token), step)

    @property
    def last(self) -> StepRecord | None:
        """The last decision that can be taken back."""
        return self.catalog.last_step(_digest(self.token)) if self.person else None

    def take_last(self) -> StepRecord | None:
        """Return :attr:`last` and strike it out."""
        return self.catalog.take_step(_digest(self.token))


class SessionStore:
    """The sessions of a catalog, as one start of the desk sees them; safe to share between threads.

    Args:
        catalog: where they are kept.
        idle_seconds: a session ends after so long without a request.
    """

    def __init__(self, catalog: Catalog, idle_seconds: float) -> None:
        self.catalog, self.idle = catalog, timedelta(seconds=idle_seconds)
        self._desk = secrets.token_hex(16)

    def begin(self, person: Person | None = None) -> Session:
        """Return a new session with a new token; with nobody in it, it costs the catalog nothing."""
        token = secrets.token_urlsafe(32)
        if person is not None:
            desk = self._desk if person.is_local else None
            self.catalog.begin_session(_digest(token), person.name, self.idle, desk=desk)
        return Session(token, person, self.catalog)

    def find(self, token: str | None) -> Session | None:
        """Return the browser's session, with its account's role as of now; None for a browser without a token."""
        if not token:
            return None
        found = self.catalog.find_session(_digest(token), self.idle)
        person = None
        if found is not None and found.role is not None:
            person = Person(found.name, found.role)
        elif found is not None and found.desk == self._desk:
            person = Person(found.name, Role.ADMIN, is_local=True)
        return Session(token, person, self.catalog)

    def end(self, token: str | None) -> None:
        """Forget a session."""
        if token:
            self.catalog.end_session(_digest(token))


def _digest(token: str) -> str:
    return hashlib.sha256(_bytes(token)).hexdigest()


def _bytes(token: str) -> bytes:
    return token.encode("utf-8", "surrogatepass")
