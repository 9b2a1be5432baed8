"""A real Chromium for the desk's tests, tabs that fail a test by any error, and a hand to draw with."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest

from tests.review.archive import PASSWORD

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

CHROMIUM = next(
    (found for name in ("chromium", "chromium-browser", "google-chrome") if (found := shutil.which(name))),
    None,
)
PATIENCE = 60_000
"""Milliseconds; how long a busy machine may take, not how long it should."""


@contextmanager
def chromium() -> Iterator[Browser]:
    """A browser without a window; the test is skipped where there is none."""
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    if CHROMIUM is None:
        pytest.skip("no chromium on this machine (Debian: apt-get install chromium)")
    with playwright.sync_playwright() as started:
        opened = started.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"])
        yield opened
        opened.close()


@contextmanager
def tab(
    browser: Browser, address: str, *, name: str = "curator", forgiven: str = "", **options: Any
) -> Iterator[Page]:
    """A fresh tab, signed in: no foreign requests, and no errors but those with what is ``forgiven``."""
    context = browser.new_context(base_url=address, **options)
    context.set_default_timeout(PATIENCE)
    page = context.new_page()
    troubles: list[str] = []
    page.on(
        "console",
        lambda message: (
            troubles.append(f"{message.text} {message.location}") if message.type == "error" else None
        ),
    )
    page.on("pageerror", lambda error: troubles.append(str(error)))
    page.on(
        "request",
        lambda request: troubles.append(request.url) if not _is_ours(request.url, address) else None,
    )
    page.goto("/queue")
    sign_in(page, name)
    page.wait_for_url("**/queue")
    yield page
    context.close()
    assert [one for one in troubles if not forgiven or forgiven not in one] == []


def sign_in(page: Page, name: str) -> None:
    """Fill in the form of the page that is open."""
    page.get_by_label("Name").fill(name)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()


def _is_ours(url: str, address: str) -> bool:
    return url.startswith((address, "data:", "blob:"))


def open_photo(page: Page, name: str) -> None:
    page.get_by_role("link", name=name).click()
    page.wait_for_selector("[data-stage][data-ready=yes]")
    page.wait_for_selector("[data-busy]", state="hidden")


def drag(page: Page, start: tuple[float, float], end: tuple[float, float]) -> None:
    page.mouse.move(*start)
    page.mouse.down()
    page.mouse.move(*end, steps=8)
    page.mouse.up()


def middle(page: Page, selector: str) -> tuple[float, float]:
    box = page.locator(selector).bounding_box()
    assert box is not None
    return box["x"] + box["width"] / 2, box["y"] + box["height"] / 2


def open_editor(page: Page, item: int) -> tuple[float, float]:
    """Open the mask editor and return the middle of its canvas."""
    page.goto(f"/photo/{item}/mask")
    page.wait_for_selector("[data-mask-page][data-ready=yes]")
    page.wait_for_selector("[data-busy]", state="hidden")
    return middle(page, "[data-ink]")


def sent_strokes(page: Page) -> list[dict[str, Any]]:
    """Save the mask and return the strokes that were sent."""
    with page.expect_request("**/mask") as sent:
        page.get_by_role("button", name="Save and redo").click()
    page.wait_for_url(lambda url: not url.endswith("/mask"))
    strokes: list[dict[str, Any]] = sent.value.post_data_json["strokes"]
    return strokes
