"""Accounts of the review desk: names, roles and encoded passwords. Hashing and sign-in are the desk's."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, Engine, Row, insert, select, update

from schemas import audit, session
from schemas.audit import AuditEntry
from schemas.desk_sessions import end_all
from schemas.errors import CatalogUseError, UnknownAccountError
from schemas.review_records import AccountRecord, Role
from schemas.statements import now
from schemas.tables import Account
from schemas.types import clean_text

MAX_NAME = 100

SYSTEM = "system"
"""Who acts where nobody signed in: the command line on the catalog's own machine."""


class AccountOperations:
    """What the desk and the command line ask of a catalog about accounts. Each method is one transaction."""

    engine: Engine

    def add_account(
        self, name: str, role: Role, password_hash: str | None = None, *, by: str = SYSTEM
    ) -> AccountRecord:
        """Add an account; ``by`` is who did it, for the audit. Raises CatalogUseError for a name in use."""
        with session.write(self.engine) as connection:
            return add(connection, name, role, password_hash, by)

    def account(self, name: str) -> AccountRecord | None:
        """Return the account of this name (disabled or not), or None."""
        with session.read(self.engine) as connection:
            return find(connection, name)

    def accounts(self) -> list[AccountRecord]:
        """Return every account, by name."""
        with session.read(self.engine) as connection:
            return listed(connection)

    def set_role(self, name: str, role: Role, *, by: str = SYSTEM) -> AccountRecord:
        """Give an account another role. Raises UnknownAccountError; CatalogUseError for the last admin."""
        with session.write(self.engine) as connection:
            return change(connection, name, by, "role changed", role=Role(role).value)

    def set_password(self, name: str, password_hash: str | None, *, by: str = SYSTEM) -> AccountRecord:
        """Replace an account's encoded password (None takes it away) and end its sessions.

        Raises UnknownAccountError.
        """
        with session.write(self.engine) as connection:
            end_all(connection, name)
            return change(connection, name, by, "password changed", password_hash=password_hash)

    def disable(self, name: str, *, disabled: bool = True, by: str = SYSTEM) -> AccountRecord:
        """Disable an account, which ends its sessions, or enable it again. Raises as :meth:`set_role`."""
        action = "account disabled" if disabled else "account enabled"
        with session.write(self.engine) as connection:
            if disabled:
                end_all(connection, name)
            return change(connection, name, by, action, disabled=disabled)


def add(
    connection: Connection, name: str, role: Role, password_hash: str | None, actor: str
) -> AccountRecord:
    """Add an account. Raises CatalogUseError for a name that is taken or cannot be one."""
    if not name.strip() or len(name) > MAX_NAME or clean_text(name) != name or not name.isprintable():
        raise CatalogUseError(
            f"{name!r} cannot be an account's name: give 1 to {MAX_NAME} printable characters"
        )
    if find(connection, name) is not None:
        raise CatalogUseError(f"there is already an account {name!r}; choose another name")
    moment = now()
    row = {
        "name": name,
        "role": Role(role).value,
        "password_hash": password_hash,
        "disabled": False,
        "created_at": moment,
    }
    connection.execute(insert(Account), [row])
    audit.append(connection, [AuditEntry(actor, "account added", name, {"role": row["role"]})], moment)
    return AccountRecord(name, Role(role), password_hash, False, moment)


def find(connection: Connection, name: str) -> AccountRecord | None:
    """Return the account of this name, or None."""
    row = connection.execute(select(Account.__table__).where(Account.name == name)).one_or_none()
    return None if row is None else _record(row)


def listed(connection: Connection) -> list[AccountRecord]:
    """Return every account, by name."""
    return [_record(row) for row in connection.execute(select(Account.__table__).order_by(Account.name))]


def change(connection: Connection, name: str, actor: str, action: str, **values: Any) -> AccountRecord:
    """Change columns of an account. Raises UnknownAccountError; CatalogUseError for the last admin."""
    found = connection.execute(
        select(Account.__table__).where(Account.name == name).with_for_update()
    ).one_or_none()
    if found is None:
        raise UnknownAccountError(f"there is no account {name!r} in this catalog")
    loses_power = values.get("disabled") or values.get("role", Role.ADMIN) != Role.ADMIN
    if found.role == Role.ADMIN and not found.disabled and loses_power:
        _require_another_admin(connection, name)
    connection.execute(update(Account).where(Account.name == name).values(**values))
    told = {key: str(value) for key, value in values.items() if key != "password_hash"}
    audit.append(connection, [AuditEntry(actor, action, name, told)], now())
    changed = find(connection, name)
    assert changed is not None
    return changed


def _require_another_admin(connection: Connection, name: str) -> None:
    others = connection.scalars(
        select(Account.name)
        .where(Account.role == Role.ADMIN.value, Account.disabled.is_(False), Account.name != name)
        .with_for_update()
    ).first()
    if others is None:
        raise CatalogUseError(f"{name!r} is the last admin; make somebody else admin first")


def _record(row: Row[Any]) -> AccountRecord:
    return AccountRecord(row.name, Role(row.role), row.password_hash, row.disabled, row.created_at)
