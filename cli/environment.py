"""What has to be in the environment before Prefect is imported, and what must not be told to it.

Prefect reads its settings at import, talks to its makers' server by default, and fills a terminal with messages
that mean nothing to the person who started a restoration. Every value here is only a default: what the user
has set stays. (`actors.ray_session` does the same for Ray.)
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

QUIET: Final[dict[str, str]] = {
    # A failed run is told once, by the command line, and not by the engine before it.
    "PREFECT_LOGGING_LEVEL": "CRITICAL",
    # Nor what its services say of a server that is away, with all that they had to tell it.
    "PREFECT_LOGGING_INTERNAL_LEVEL": "CRITICAL",
    # A run inside this process starts a server that is stopped with it; its farewell is not news.
    "PREFECT_SERVER_LOGGING_LEVEL": "CRITICAL",
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    # On a busy machine the first start migrates a fresh database for longer than the default 20 s.
    "PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS": "180",
    "DO_NOT_TRACK": "1",
}


def prepare_environment() -> None:
    """Set quiet defaults; it has to be called before anything imports Prefect."""
    for name, value in QUIET.items():
        os.environ.setdefault(name, value)


_TOKEN: Final = ("RAY_ADDRESS", "RAY_AUTH_MODE", "RAY_AUTH_TOKEN", "RAY_AUTH_TOKEN_PATH")
"""With one of these Ray makes no token in the user's home."""


def check_home(executor: str, *, own_server: bool) -> None:
    """See that Prefect and Ray can keep their files; without that they fail, and say something else.

    Users of services and of containers often have no home. With a server elsewhere Prefect needs none.

    Raises:
        EngineError: a folder that this executor needs cannot be written to.
    """
    prefect = os.path.expanduser(os.environ.get("PREFECT_HOME") or "~/.prefect")
    ray = os.path.expanduser("~/.ray")
    makes_token = executor == "ray" and not any(os.environ.get(name) for name in _TOKEN)
    needed = {"Prefect": prefect} if own_server else {}
    if makes_token and not os.path.exists(f"{ray}/auth_token"):
        needed["Ray"] = ray
    for engine, folder in needed.items():
        if not _takes_files(folder):
            from actors.errors import EngineError

            raise EngineError(
                f"{engine} keeps its files in {folder}, which cannot be written to. "
                "Set HOME to a folder that this user can write to."
            )


def _takes_files(folder: str) -> bool:
    """Say whether files can be made in a folder that may have to be made first."""
    if folder.startswith("~"):  # it stays where nobody knows a home
        return False
    path = Path(folder).absolute()
    there = next(one for one in (path, *path.parents) if one.exists())
    return there.is_dir() and os.access(there, os.W_OK | os.X_OK)


def keep_password(catalog: str | None) -> str | None:
    """Return a catalog's URL for a flow: without its password, which the database's driver finds in PGPASSWORD.

    Prefect stores and shows what a flow is called with. Raises CatalogUnavailableError for no catalog's URL.
    """
    if catalog is None or "://" not in catalog:
        return catalog
    from schemas.urls import split_password

    url, password = split_password(catalog)
    if password is not None:
        os.environ["PGPASSWORD"] = password
    return url
