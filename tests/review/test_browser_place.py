"""The place in the queue, in a real browser."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest

from review.desk import Desk
from schemas.repository import Catalog
from tests.review.archive import item_of
from tests.review.chromium import open_photo, tab
from tests.review.conftest import running

if TYPE_CHECKING:
    from playwright.sync_api import Browser

pytestmark = pytest.mark.integration


@pytest.fixture
def database() -> str:
    """The pages' own tests run on both databases; a browser sees no difference."""
    return "sqlite"


def test_who_comes_back_to_the_queue_finds_the_place(
    browser: Browser, desk_with: Callable[..., Desk], catalog: Catalog
) -> None:
    names = [row.key.removeprefix("album/") for row in catalog.review_queue().rows]
    focused = "() => document.activeElement?.closest('[data-card]')?.querySelector('.card-name')?.title ?? ''"

    def at(name: str) -> None:
        page.wait_for_function(f"(name) => ({focused})() === name", arg=f"album/{name}")

    viewport: Any = {"width": 1000, "height": 500}
    with running(desk_with(page_size=1)) as address, tab(browser, address, viewport=viewport) as page:
        for _ in names[:-1]:
            page.keyboard.press("End")
            page.keyboard.press("j")
        page.wait_for_function("(all) => document.querySelectorAll('[data-card]').length >= all", arg=3)
        open_photo(page, names[2])
        page.go_back()
        at(names[2])
        page.keyboard.press("Enter")
        page.wait_for_selector("[data-stage][data-ready=yes]")
        page.keyboard.press("g")
        page.keyboard.press("q")
        at(names[2])
        page.keyboard.press("Enter")
        page.wait_for_selector("[data-stage][data-ready=yes]")
        page.go_back()
        at(names[2])
        page.keyboard.press("Enter")
        page.wait_for_selector("[data-stage][data-ready=yes]")
        page.get_by_role("button", name="Approve").click()
        page.wait_for_url(f"**/photo/{item_of(catalog, 'album/' + names[3])}")
        page.get_by_role("link", name="Queue").last.click()
        at(names[3])
