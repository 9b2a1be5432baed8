"""The desk in a real browser while others decide, sessions end, or scripts are off: nothing is lost."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from schemas.repository import Catalog
from schemas.review_records import Decision
from tests.review.archive import item_of
from tests.review.chromium import drag, open_editor, open_photo, sign_in, tab

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


def test_what_was_drawn_outlives_anothers_decision_and_a_session(
    browser: Browser, address: str, catalog: Catalog
) -> None:
    item = item_of(catalog, "album/first.png")
    row = catalog.queue_row(item)
    with tab(browser, address, forgiven="Failed to load resource") as page:
        x, y = open_editor(page, item)
        drag(page, (x, y), (x + 60, y + 10))
        catalog.decide(item, Decision.APPROVE, "", "somebody", row.output_sha256, None)
        save, problem = page.get_by_role("button", name="Save and redo"), page.locator("[data-form-problem]")
        save.click()
        problem.get_by_text("Approved by somebody").wait_for()
        with page.context.expect_page() as opened:
            page.evaluate("open('/queue')")
        other = opened.value
        other.get_by_role("button", name="Sign out").click()
        other.wait_for_url("**/sign-in")
        save.click()
        problem.get_by_text("signed out").wait_for()
        sign_in(other, "admin")
        other.wait_for_url("**/queue")
        save.click()
        problem.get_by_text("has grown old").wait_for()
        other.get_by_role("button", name="Sign out").click()
        sign_in(other, "curator")
        other.wait_for_url("**/queue")
        save.click()
        page.wait_for_url(lambda url: not url.endswith("/mask"))
    assert [(one.decision, one.reviewer) for one in catalog.reviews(item)] == [
        (Decision.APPROVE, "somebody"),
        (Decision.REDO, "curator"),
    ]


def test_a_desk_that_is_away_is_said_in_its_own_words(
    browser: Browser, address: str, catalog: Catalog
) -> None:
    with tab(browser, address, forgiven="Failed to load resource") as page:
        open_editor(page, item_of(catalog, "album/first.png"))
        page.context.set_offline(True)
        page.get_by_role("button", name="Save and redo").click()
        page.get_by_text("The desk cannot be reached. Try again in a moment.").wait_for()


def test_without_scripts_marks_can_be_decided_on(browser: Browser, address: str, catalog: Catalog) -> None:
    with tab(browser, address, java_script_enabled=False) as page:
        page.get_by_label("Mark album/first.png").check()
        page.get_by_role("button", name="Approve").click()
        page.wait_for_url("**/queue")
    assert [one.decision for one in catalog.reviews(item_of(catalog, "album/first.png"))] == [
        Decision.APPROVE
    ]


def test_a_link_from_another_site_arrives_and_signs_nobody_out(
    browser: Browser, address: str, tmp_path: Path
) -> None:
    """The address of a filter is sent to colleagues: they follow it from webmail, a wiki, a ticket."""
    link = f"{address}/queue?decision=any&unflagged=1"
    form = f'<form method="post" action="{address}/sign-out"><button>Win</button></form>'
    (tmp_path / "wiki.html").write_text(f'<a href="{link}">look at these</a>{form}', "utf-8")
    with elsewhere(tmp_path) as wiki, tab(browser, address) as page:
        other = page.context.new_page()
        other.goto(f"{wiki}/wiki.html")
        other.get_by_role("link", name="look at these").click()
        other.wait_for_load_state()
        assert other.url == link
        page.goto("/queue")
        assert page.url == f"{address}/queue"
        other.goto(f"{wiki}/wiki.html")
        other.get_by_role("button", name="Win").click()
        other.get_by_text("came from another site and was refused").wait_for()
        page.goto("/queue")
        assert page.url == f"{address}/queue"


@contextmanager
def elsewhere(folder: Path) -> Iterator[str]:
    """Serve a folder's pages as another site than the desk's; a browser tells sites by their names."""
    handler = partial(SimpleHTTPRequestHandler, directory=str(folder))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://localhost:{server.server_port}"
        server.shutdown()
