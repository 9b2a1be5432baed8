"""Running the desk: checking how it may be reached, and the web server."""

from __future__ import annotations

import socket
from collections.abc import Callable

import uvicorn

from oldphoto_core.errors import UsageError
from review.app import create_app
from review.desk import Desk, new_link_token
from review.settings import DeskSettings, is_loopback
from schemas.repository import Catalog

_BACKLOG = 2048


def open_desk(catalog: Catalog, settings: DeskSettings, host: str) -> tuple[Desk, str | None]:
    """Return the desk, and the word of its sign-in link where nobody has an account yet.

    Raises:
        UsageError: others could reach the desk, and there is no account to sign in with.
    """
    has_accounts = any(not account.disabled for account in catalog.accounts())
    if has_accounts:
        return Desk(catalog, settings), None
    if not is_loopback(host):
        raise UsageError(
            f"At {host} other machines can reach the desk, and this catalog has no account to sign in with. "
            "Add one first: oldphoto review --add-account NAME --role admin."
        )
    token = new_link_token()
    return Desk(catalog, settings, token), token


def bind(host: str, port: int) -> socket.socket:
    """Return a socket that listens; port 0 takes any free one. Raises UsageError."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # Named as TCP, the event loop switches Nagle's algorithm off. Otherwise each answer waits 40 ms between head
    # and body for an acknowledgement that the browser holds back.
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
        # At once, not when the server starts: who follows the printed link meanwhile waits, and is not refused.
        listener.listen(_BACKLOG)
    except OSError as error:
        listener.close()
        raise UsageError(
            f"The desk cannot listen at {host}:{port}: {error.strerror}. Choose another --port."
        ) from error
    return listener


def serve(desk: Desk, listener: socket.socket, on_start: Callable[[], None]) -> None:
    """Answer until somebody stops the process. ``on_start`` is called once the socket is open."""
    config = uvicorn.Config(
        create_app(desk),
        log_level="warning",
        access_log=False,
        server_header=False,
        # Who is asking must not be a matter of headers that anybody can send.
        proxy_headers=False,
        timeout_keep_alive=30,
        timeout_graceful_shutdown=3,
    )
    on_start()
    uvicorn.Server(config).run(sockets=[listener])
