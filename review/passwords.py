"""Passwords: argon2id with the library's current parameters."""

from __future__ import annotations

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from oldphoto_core.errors import UsageError

SHORTEST = 10
LONGEST = 1024

_hasher = PasswordHasher()
_NOBODY = _hasher.hash("an account that does not exist")


def hashed(password: str) -> str:
    """Return the hash to be stored. Raises UsageError for a password that is too short or too long."""
    if not SHORTEST <= len(password) <= LONGEST:
        raise UsageError(f"A password has {SHORTEST} to {LONGEST} characters; this one has {len(password)}.")
    return _hasher.hash(password)


def is_right(password: str, stored: str | None) -> bool:
    """Return whether the password belongs to the hash; takes equally long where there is no such account."""
    try:
        right = _hasher.verify(stored or _NOBODY, password[:LONGEST])
    except (VerificationError, InvalidHashError):
        return False
    return bool(right) and stored is not None
