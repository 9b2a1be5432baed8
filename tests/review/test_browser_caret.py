"""Drawing a mask by keys alone, in a real browser."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from schemas.repository import Catalog
from tests.review.archive import item_of
from tests.review.chromium import open_editor, sent_strokes, tab

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

pytestmark = pytest.mark.integration


@pytest.fixture
def database() -> str:
    """The pages' own tests run on both databases; a browser sees no difference."""
    return "sqlite"


def press(page: Page, *keys: str) -> None:
    for key in keys:
        page.keyboard.press(key)


def test_keys_alone_draw_what_a_pointer_draws(browser: Browser, address: str, catalog: Catalog) -> None:
    with tab(browser, address) as page:
        open_editor(page, item_of(catalog, "album/first.png"))
        while page.evaluate("document.activeElement.matches('[data-ink]')") is False:
            press(page, "Tab")
        said = page.locator("[data-said]")
        press(page, "ArrowLeft")
        assert said.text_content() == "Brush lifted at 150, 100", "in the middle of what is seen"
        press(page, "Shift+ArrowLeft", "Enter", "ArrowRight", "ArrowDown")
        assert "down" in (said.text_content() or "")
        press(page, "e", "ArrowRight", "Escape", "ArrowRight", "Enter", "Enter")
        assert page.url.endswith("/mask"), "Escape put the brush away, and no more"
        painted, erased, dot = sent_strokes(page)
    assert [one["tool"] for one in (painted, erased, dot)] == ["paint", "erase", "erase"]
    step = max(1, painted["size"] / 4)
    start = 150 - 8 * step
    assert painted["points"] == [[start, 100], [start + step, 100], [start + step, 100 + step]]
    assert erased["points"] == [[start + step, 100 + step], [start + 2 * step, 100 + step]]
    assert dot["points"] == [[150, 100]]


def test_the_brush_stays_on_the_picture_and_the_picture_follows_it(
    browser: Browser, address: str, catalog: Catalog
) -> None:
    with tab(browser, address) as page:
        open_editor(page, item_of(catalog, "album/first.png"))
        for _ in range(6):
            press(page, "+")
        page.wait_for_timeout(1000)
        page.locator("[data-ink]").focus()
        press(page, "ArrowLeft", *["Shift+ArrowLeft"] * 40, *["Shift+ArrowUp"] * 40, "Enter")
        seen = page.evaluate(
            """() => {
                const canvas = document.querySelector("[data-ink]");
                const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
                return data.some((_, at) => at % 4 === 3 && data[at] === 255);
            }"""
        )
        assert seen, "the ring is in view"
        (stroke,) = sent_strokes(page)
    assert stroke["points"] == [[0, 0]]
