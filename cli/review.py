"""``oldphoto review``: the review desk in a browser, and its accounts."""

from __future__ import annotations

import json
import os
import sys
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cli.options import CatalogOfDestinationOption, catalog_url
from oldphoto_core.errors import UsageError

if TYPE_CHECKING:
    from review.settings import DeskSettings
    from schemas.repository import Catalog

PASSWORD_VARIABLE = "OLDPHOTO_PASSWORD"
DEFAULT_PORT = 8474


def register(app: typer.Typer) -> None:
    """Add ``review`` to the command line."""
    app.command()(review)


def review(
    destination: Annotated[
        str | None, typer.Argument(metavar="DESTINATION", help="Folder of results, with its catalog.db.")
    ] = None,
    host: Annotated[str, typer.Option(help="Address to listen at.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="0: any free one.")] = DEFAULT_PORT,
    catalog: CatalogOfDestinationOption = None,
    root: Annotated[
        list[str] | None,
        typer.Option(metavar="PLACE", help="A further folder or s3:// prefix whose files may be shown."),
    ] = None,
    cache: Annotated[
        Path | None, typer.Option(help="Folder for small copies of pictures. Default: the user's cache.")
    ] = None,
    cache_gb: Annotated[float, typer.Option("--cache-gb", min=0.1, help="How large it may grow.")] = 8.0,
    name: Annotated[
        list[str] | None,
        typer.Option("--name", metavar="HOST", help="A name under which browsers reach the desk."),
    ] = None,
    https: Annotated[bool, typer.Option("--https", help="Browsers reach the desk by https.")] = False,
    proxy_header: Annotated[
        str | None, typer.Option(metavar="HEADER", help="Header in which a proxy names who signed in.")
    ] = None,
    proxy_from: Annotated[
        list[str] | None,
        typer.Option(metavar="ADDRESS", help="Address or network of the proxy or web server in front."),
    ] = None,
    add_account: Annotated[
        str | None, typer.Option(metavar="NAME", help="Add an account (or renew its password), and end.")
    ] = None,
    role: Annotated[
        str | None,
        typer.Option(
            help="viewer | reviewer | curator | admin. Default: reviewer; an account that exists keeps its role."
        ),
    ] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="One JSON object: where the desk is open, or the account.")
    ] = False,
) -> None:
    """Look at what was flagged, compare, decide, correct masks: the review desk in a browser."""
    opened = _open(destination, catalog)
    with opened:
        if add_account is not None:
            _add_account(opened, add_account, role, as_json)
            return
        places = [*(root or []), *([destination] if destination else [])]
        settings = _settings(opened, places, cache, cache_gb, host, name, https, proxy_header, proxy_from)
        _serve(opened, settings, host, port, as_json)


def _open(destination: str | None, catalog: str | None) -> Catalog:
    """Open the catalog; one of an older version is upgraded, as `oldphoto restore` and `catalog rebuild` do."""
    from flows.catalog_urls import CATALOG_FILE
    from schemas.errors import CatalogVersionError
    from schemas.repository import Catalog

    if catalog is None and destination is not None and destination.startswith("s3://"):
        raise UsageError(f"A catalog cannot lie in {destination}. Name it with --catalog.")
    url = catalog_url(catalog or (str(Path(destination) / CATALOG_FILE) if destination else None))
    try:
        return Catalog.open(url, create=False)
    except CatalogVersionError:
        upgraded = Catalog.open(url, create=True)
        print("The catalog was of an older version and has been upgraded.", file=sys.stderr)
        return upgraded


def _settings(
    catalog: Catalog,
    places: list[str],
    cache: Path | None,
    cache_gb: float,
    host: str,
    names: list[str] | None,
    https: bool,
    proxy_header: str | None,
    proxy_from: list[str] | None,
) -> DeskSettings:
    from review.places import known_roots
    from review.settings import DeskSettings, ProxySignIn, host_name, networks

    if proxy_header is not None and not proxy_from:
        raise UsageError("A proxy that signs people in needs both --proxy-header and --proxy-from.")
    in_front = networks(tuple(proxy_from or ()))
    proxy = ProxySignIn(proxy_header, in_front) if proxy_header else None
    usual = DeskSettings.hosts if host not in ("0.0.0.0", "::") or names else ("*",)
    return DeskSettings(
        roots=known_roots(catalog, places),
        cache=Path(os.path.expanduser(cache or default_cache())).resolve(),
        cache_bytes=int(cache_gb * 1e9),
        hosts=tuple(dict.fromkeys((*usual, host, *map(host_name, names or ())))),
        proxy=proxy,
        forwarders=in_front,
        https=https,
    )


def _serve(catalog: Catalog, settings: DeskSettings, host: str, port: int, as_json: bool) -> None:
    from review.serve import bind, open_desk, serve

    desk, token = open_desk(catalog, settings, host)
    listener = bind(host, port)
    shown = f"[{host}]" if ":" in host else host
    address = f"http://{shown}:{listener.getsockname()[1]}"

    link = None if token is None else f"{address}/sign-in/link?token={token}"

    def announce() -> None:
        if as_json:
            print(json.dumps({"address": f"{address}/", "link": link}), flush=True)
            return
        if link is not None:
            print("Open this link to sign in (it works once):", flush=True)
            print(f"  {link}", flush=True)
        else:
            print(f"The review desk is open at {address}/", flush=True)
        print("Stop it with Ctrl-C.", flush=True)

    with suppress(KeyboardInterrupt):
        serve(desk, listener, announce)


def _add_account(catalog: Catalog, name: str, wanted: str | None, as_json: bool) -> None:
    """Add an account, or give one that exists a new password, and another role where one is wanted."""
    from review.passwords import hashed
    from schemas.review_records import Role

    if wanted not in (None, *Role):
        raise UsageError(f"There is no role {wanted!r}. Choose viewer, reviewer, curator or admin.")
    stored, known = hashed(_password(name)), catalog.account(name)
    role = Role(wanted) if wanted else known.role if known else Role.REVIEWER
    is_new = known is None
    if is_new:
        catalog.add_account(name, role, stored)
    else:
        catalog.set_role(name, role)
        catalog.set_password(name, stored)
    if as_json:
        print(json.dumps({"account": name, "role": role, "new": is_new}))
    elif is_new:
        print(f"{name} may sign in as {role}.")
    else:
        print(f"{name} has a new password and the role {role}.")


def _password(name: str) -> str:
    """Return the password from the environment, the terminal or standard input."""
    if (given := os.environ.get(PASSWORD_VARIABLE)) is not None:
        return given
    if sys.stdin.isatty():
        return str(typer.prompt(f"Password for {name}", hide_input=True, confirmation_prompt=True))
    return sys.stdin.readline().rstrip("\n")


def default_cache() -> Path:
    """Return the user's folder for what may be deleted at any time. Raises UsageError for a user without a home."""
    base = os.path.expanduser(os.environ.get("XDG_CACHE_HOME") or "~/.cache")
    if base.startswith("~"):
        raise UsageError("This user has no home for copies of pictures. Name a folder with --cache.")
    return Path(base) / "oldphoto" / "review"
