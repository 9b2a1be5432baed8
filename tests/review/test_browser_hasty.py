"""Keys that are pressed faster than pictures come, in Chromium."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from schemas.repository import Catalog
from tests.review.archive import item_of
from tests.review.chromium import tab

if TYPE_CHECKING:
    from playwright.sync_api import Browser

pytestmark = pytest.mark.integration

_AT_ONCE = """keys => {
  for (const key of keys) document.body.dispatchEvent(new KeyboardEvent("keydown", { key, bubbles: true }));
}"""
_SO_MANY_SHOWN = """wanted => {
  const { world } = OpenSeadragon.getViewer(document.querySelector("[data-canvas]"));
  const pictures = [...Array(world.getItemCount()).keys()].map((at) => world.getItemAt(at));
  return pictures.filter((one) => one.getOpacity() > 0).length === wanted;
}"""


@pytest.fixture
def database() -> str:
    return "sqlite"


def test_what_was_chosen_last_is_what_is_shown(browser: Browser, address: str, catalog: Catalog) -> None:
    with tab(browser, address) as page:
        page.goto(f"/photo/{item_of(catalog, 'album/turned.png')}")
        page.wait_for_selector("[data-stage][data-ready=yes]")
        for keys, views, chosen in (("sc", 1, "Compare"), ("scs", 3, "Side by side"), ("csb", 1, "Scan")):
            page.evaluate(_AT_ONCE, list(keys))
            page.wait_for_function("count => document.querySelectorAll('.view').length === count", arg=views)
            page.locator("[data-mode][aria-pressed=true]", has_text=chosen).wait_for()


def test_what_was_asked_for_often_is_there_once(browser: Browser, address: str, catalog: Catalog) -> None:
    with tab(browser, address) as page:
        page.goto(f"/photo/{item_of(catalog, 'album/turned.png')}")
        page.wait_for_selector("[data-stage][data-ready=yes]")
        page.evaluate(_AT_ONCE, list("n212mmm"))
        page.wait_for_function(_SO_MANY_SHOWN, arg=2)
        page.locator("[data-tier][aria-pressed=true]", has_text="Conserved").wait_for()
        page.evaluate(_AT_ONCE, ["m"])
        page.wait_for_function(_SO_MANY_SHOWN, arg=1)
