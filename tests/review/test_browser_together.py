"""The desk in a real browser while others decide, sessions end, or scripts are off: nothing is lost."""

from __future__ import annotations

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
