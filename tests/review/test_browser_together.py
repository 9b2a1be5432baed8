"""The desk in a real browser while others decide, sessions end and the desk is started anew: nothing is lost."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from schemas.repository import Catalog
from tests.review.archive import item_of
from tests.review.chromium import open_photo, tab

if TYPE_CHECKING:
    from playwright.sync_api import Browser

pytestmark = pytest.mark.integration


@pytest.fixture
def database() -> str:
    """The pages' own tests run on both databases; a browser sees no difference."""
    return "sqlite"


def test_a_reason_and_one_press_of_the_mouse_decide(browser: Browser, address: str, catalog: Catalog) -> None:
    """The usual reasons below the field must not go, and the buttons move, while the mouse is down."""
    item = item_of(catalog, "album/first.png")
    with tab(browser, address) as page:
        open_photo(page, "first.png")
        page.locator("[data-reason]").click()
        page.get_by_role("button", name="Too smooth").click()
        page.get_by_role("button", name="Reject").click()
        page.wait_for_url(lambda url: f"/photo/{item}" not in url)
    (review,) = catalog.reviews(item)
    assert (review.decision.value, review.reason) == ("reject", "Too smooth")
