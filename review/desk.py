"""The desk as an object: the catalog, the pictures, and who may sign in. One a process; many may share a catalog."""

from __future__ import annotations

import getpass
import hmac
import secrets
import threading
from functools import cached_property

from review.files import DeskFiles
from review.layers import Layer, PhotoLayers, layers_of
from review.passwords import is_right
from review.pictures import PictureShelf
from review.recent import Recent
from review.roles import Role
from review.sessions import Person, SessionStore
from review.settings import DeskSettings
from review.throttle import FREE_FAILURES_OF_ADDRESS, Throttle
from schemas.repository import Catalog
from schemas.rows import History

Box = tuple[float, float, float, float]


class Desk:
    """What the pages work with.

    Args:
        catalog: an open catalog.
        settings: the desk's surroundings.
        link_token: the word of the sign-in link for the person at this machine; None where there is none.
    """

    def __init__(self, catalog: Catalog, settings: DeskSettings, link_token: str | None = None) -> None:
        self.catalog, self.settings = catalog, settings
        self.sessions = SessionStore(catalog, settings.idle_hours * 3600)
        self.account_throttle, self.address_throttle = Throttle(), Throttle(FREE_FAILURES_OF_ADDRESS)
        self._link_token = link_token
        self._link_guard = threading.Lock()
        # A photo's tiles are asked for by the dozen; its files do not change.
        self._pictured: Recent[int, tuple[PhotoLayers, list[Box]]] = Recent(self._picture)

    @cached_property
    def files(self) -> DeskFiles:
        """The files that may be shown. The cache is nobody else's business: it holds pictures of the archive."""
        self.settings.cache.mkdir(mode=0o700, parents=True, exist_ok=True)
        return DeskFiles(self.settings.roots, self.settings.cache)

    @cached_property
    def shelf(self) -> PictureShelf:
        """The pictures, ready for a browser."""
        return PictureShelf(self.files, self.settings.cache, self.settings.cache_bytes)

    def history(self, item: int) -> History:
        """Return everything about a work item as of now. Raises UnknownItemError."""
        found = self.catalog.history(item)
        self._pictured.put(item, _pictured(found))
        return found

    def layers(self, item: int) -> PhotoLayers:
        """Return a work item's pictures, as they were up to a minute ago. Raises UnknownItemError."""
        return self._pictured.get(item)[0]

    def layer(self, item: int, name: str) -> Layer | None:
        """Return one of a work item's pictures; a mask may have been edited a moment ago, at another process."""
        return self.layers(item).get(name) or layers_of(self.history(item)).get(name)

    def faces(self, item: int) -> list[Box]:
        """Return the boxes of a work item's faces, in pixels of the upright picture."""
        return self._pictured.get(item)[1]

    def _picture(self, item: int) -> tuple[PhotoLayers, list[Box]]:
        return _pictured(self.catalog.history(item))

    def person_of_account(self, name: str) -> Person | None:
        """Return the person of an account that may sign in."""
        account = self.catalog.account(name)
        if account is None or account.disabled:
            return None
        return Person(account.name, Role(account.role))

    def person_by_password(self, name: str, password: str) -> Person | None:
        """Return the person whose name and password these are."""
        account = self.catalog.account(name)
        right = is_right(password, account.password_hash if account else None)
        if account is None or account.disabled or not right:
            return None
        return Person(account.name, Role(account.role))

    def person_by_link(self, token: str) -> Person | None:
        """Return the person at this machine, once, for the word of the link in the terminal."""
        with self._link_guard:
            expected = self._link_token
            if expected is None or not hmac.compare_digest(token.encode(), expected.encode()):
                return None
            self._link_token = None
        return Person(local_name(), Role.ADMIN, is_local=True)


def _pictured(history: History) -> tuple[PhotoLayers, list[Box]]:
    boxes = [tuple(side or 0.0 for side in face["box"]) for face in history["faces"]]
    return layers_of(history), [(box[0], box[1], box[2], box[3]) for box in boxes]


def new_link_token() -> str:
    """Return a word for a sign-in link."""
    return secrets.token_urlsafe(24)


def local_name() -> str:
    """Return the name under which the person at this machine decides."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return "local"
