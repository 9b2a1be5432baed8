"""The desk in a real browser: signing in, filtering, comparing, zooming, editing a mask, deciding by keyboard.

Any error that the browser reports (a script's, or a breach of the content security policy) fails the test.
Pictures of the pages are left in the test's temporary folder, or in the folder that OLDPHOTO_SCREENSHOTS names.
"""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from PIL import Image

from schemas.repository import Catalog
from schemas.review_records import Standing
from tests.review.archive import COLLECTION, item_of
from tests.review.chromium import drag, middle, open_editor, open_photo, sent_strokes, tab

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Dialog, Page

pytestmark = pytest.mark.integration


@pytest.fixture
def database() -> str:
    """The pages' own tests run on both databases; a browser sees no difference."""
    return "sqlite"


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    folder = Path(os.environ.get("OLDPHOTO_SCREENSHOTS", tmp_path / "screenshots"))
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def test_an_afternoon_at_the_desk(browser: Browser, address: str, catalog: Catalog, pictures: Path) -> None:
    first = item_of(catalog, "album/first.png")
    with tab(browser, address, viewport={"width": 1440, "height": 900}) as page:
        page.wait_for_function("[...document.images].every((one) => one.complete && one.naturalWidth > 0)")
        page.screenshot(path=pictures / "queue.png")
        filter_by_reason(page)
        open_photo(page, "first.png")
        slide_and_zoom(page, pictures)
        edit_the_mask(page, pictures)
        assert catalog.queue_row(first).decision is Standing.REDO
        check_the_mask(catalog, first)
        approve_reject_and_undo(page, catalog)


def filter_by_reason(page: Page) -> None:
    page.get_by_label("Filters").get_by_role("link", name="Much filled in").click()
    page.wait_for_url("**flag=mask-share**")
    assert page.get_by_role("heading", name="Much filled in").is_visible()
    assert page.locator("[data-card]").count() == 4
    page.keyboard.press("/")
    page.keyboard.type("first")
    page.keyboard.press("Enter")
    page.wait_for_url("**text=first**")
    page.wait_for_function("document.querySelectorAll('[data-card]').length === 1")


def slide_and_zoom(page: Page, pictures: Path) -> None:
    slider = page.get_by_label("Boundary between scan")
    stage = page.locator("[data-views]")
    half = stage.screenshot()
    slider.focus()
    for _ in range(20):
        page.keyboard.press("ArrowRight")
    assert slider.input_value() == "70"
    page.wait_for_timeout(300)
    assert stage.screenshot() != half
    zoom = page.locator("[data-zoom-value]")
    before = zoom.text_content()
    page.keyboard.press("+")
    page.wait_for_function(
        "(was) => document.querySelector('[data-zoom-value]').textContent !== was", arg=before
    )
    page.keyboard.press("0")
    page.keyboard.press("m")
    page.keyboard.press("p")
    page.wait_for_selector("[data-overlay=mask][aria-pressed=true]")
    page.wait_for_selector("[data-overlay=probability][aria-pressed=true]")
    page.keyboard.press("s")
    page.wait_for_function("document.querySelectorAll('.view').length === 2")
    page.wait_for_timeout(500)
    page.screenshot(path=pictures / "side.png")
    page.keyboard.press("c")
    page.wait_for_function("document.querySelectorAll('.view').length === 1")
    page.keyboard.press("?")
    assert page.get_by_role("dialog", name="Keys").is_visible()
    page.keyboard.press("?")


def edit_the_mask(page: Page, pictures: Path) -> None:
    page.keyboard.press("e")
    page.wait_for_selector("[data-mask-page][data-ready=yes]")
    page.wait_for_selector("[data-busy]", state="hidden")
    page.get_by_text("The probability, cut at a threshold").click()
    page.get_by_role("slider", name="Threshold").evaluate(
        "(one) => { one.value = 30; one.dispatchEvent(new Event('input', { bubbles: true })); }"
    )
    x, y = middle(page, "[data-ink]")
    drag(page, (x, y), (x + 160, y + 60))
    page.keyboard.press("e")
    drag(page, (x + 80, y - 40), (x + 80, y + 90))
    page.keyboard.press("b")
    drag(page, (x - 90, y + 90), (x - 80, y + 95))
    page.keyboard.press("z")
    page.wait_for_timeout(300)
    page.screenshot(path=pictures / "mask.png")
    page.get_by_label("Reason").fill("Scratch missed at the right")
    page.get_by_role("button", name="Save and redo").click()
    page.wait_for_url("**/queue**")


def check_the_mask(catalog: Catalog, item: int) -> None:
    """The cut probability is there, what was drawn too, and what was erased and taken back is not."""
    (request,) = catalog.pending_redos(COLLECTION)
    assert request.item_id == item
    assert request.mask is not None
    mask = np.asarray(Image.open(request.mask.uri)) > 127
    assert mask.shape == (200, 300)
    assert mask[60:70, 30:80].all()
    assert mask[100, 150:160].all()
    drawn = mask[90:140, 145:215]
    assert 0 < drawn.mean() < 1
    assert not mask[150:, :140].any()


def approve_reject_and_undo(page: Page, catalog: Catalog) -> None:
    page.goto("/queue")
    grave, turned = item_of(catalog, "album/grave.png"), item_of(catalog, "album/turned.png")
    open_photo(page, "grave.png")
    page.keyboard.press("a")
    page.wait_for_url(lambda url: f"/photo/{grave}" not in url)
    assert catalog.queue_row(grave).decision is Standing.APPROVE
    assert page.get_by_role("status").get_by_text("grave.png").is_visible()
    page.keyboard.press("u")
    page.wait_for_url(f"**/photo/{grave}")
    assert catalog.queue_row(grave).decision is Standing.UNDECIDED
    page.goto(f"/photo/{turned}")
    page.wait_for_selector("[data-stage][data-ready=yes]")
    page.keyboard.press("r")
    page.keyboard.type("Tones changed")
    page.keyboard.press("Enter")
    page.wait_for_url(lambda url: f"/photo/{turned}" not in url)
    (review,) = catalog.reviews(turned)
    assert (review.decision.value, review.reason, review.reviewer) == ("reject", "Tones changed", "curator")


def test_marked_photos_are_rejected_with_a_reason_and_never_by_enter(
    browser: Browser, address: str, catalog: Catalog
) -> None:
    with tab(browser, address) as page:
        page.locator("#severity-warning").focus()
        page.keyboard.press("Enter")
        page.wait_for_url("**severity=warning**")
        page.wait_for_function("document.activeElement.id === 'severity-warning'")
        for _ in range(2):
            page.keyboard.press("j")
            page.keyboard.press("x")
        marked = [int(box.input_value().split(":")[0]) for box in page.locator("[data-mark]:checked").all()]
        assert len(marked) == 2
        page.get_by_role("button", name="Reject").click()
        reason = page.get_by_role("textbox", name="Reason")
        assert reason.evaluate("(one) => one.validationMessage") != ""
        reason.fill("Both blurred")
        reason.press("Enter")
        page.wait_for_timeout(300)
        assert [catalog.reviews(item) for item in marked] == [[], []]
        page.get_by_role("button", name="Reject").click()
        page.wait_for_function("document.querySelectorAll('[data-mark]:checked').length === 0")
    found = [catalog.reviews(item)[0] for item in marked]
    assert [(one.decision.value, one.reason) for one in found] == [("reject", "Both blurred")] * 2


def test_what_was_drawn_is_not_lost_by_leaving(browser: Browser, address: str, catalog: Catalog) -> None:
    asked: list[str] = []

    def stay(dialog: Dialog) -> None:
        asked.append(dialog.type)
        dialog.dismiss()

    with tab(browser, address) as page:
        page.on("dialog", stay)
        item = item_of(catalog, "album/first.png")
        x, y = open_editor(page, item)
        drag(page, (x, y), (x + 60, y + 10))
        page.keyboard.press("Escape")
        page.wait_for_timeout(300)
        assert asked == ["beforeunload"]
        assert page.url.endswith("/mask")
        assert len(sent_strokes(page)) == 1, "saved: nothing is asked"
        open_editor(page, item)
        page.keyboard.press("Escape")
        page.wait_for_url(f"**/photo/{item}")
    assert asked == ["beforeunload"], "nothing drawn, nothing asked"


def test_a_stroke_taken_back_while_it_is_drawn_is_gone(
    browser: Browser, address: str, catalog: Catalog
) -> None:
    with tab(browser, address) as page:
        x, y = open_editor(page, item_of(catalog, "album/first.png"))
        for start in (x, x + 40):
            page.mouse.move(start, y)
            page.mouse.down()
            page.mouse.move(start + 20, y, steps=3)
            page.keyboard.press("z")
            page.mouse.move(start + 20, y + 60, steps=3)
            page.mouse.up()
        drag(page, (x, y - 40), (x + 30, y - 40))
        (stroke,) = sent_strokes(page)
    assert max(place[1] for place in stroke["points"]) - min(place[1] for place in stroke["points"]) < 2


def test_a_mask_that_cannot_be_started_from_is_told(browser: Browser, address: str, catalog: Catalog) -> None:
    item = item_of(catalog, "album/first.png")
    Path(catalog.queue_row(item).mask or "").unlink()
    with tab(browser, address, forgiven="422") as page:
        open_editor(page, item)
        problem = page.locator("[data-form-problem]")
        problem.wait_for(state="visible")
        assert "first.png" in problem.inner_text()
        page.get_by_label("Nothing").check()
        assert problem.is_hidden()


def test_a_second_finger_does_not_draw(browser: Browser, address: str, catalog: Catalog) -> None:
    phone: dict[str, Any] = {"viewport": {"width": 390, "height": 844}, "is_mobile": True, "has_touch": True}
    with tab(browser, address, **phone) as page:
        x, y = open_editor(page, item_of(catalog, "album/first.png"))
        hand = page.context.new_cdp_session(page)

        def touch(kind: str, *fingers: tuple[float, float]) -> None:
            points = [{"x": left, "y": top, "id": number} for number, (left, top) in enumerate(fingers)]
            hand.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})

        touch("touchStart", (x, y))
        touch("touchStart", (x, y), (x + 80, y + 50))
        for step in range(1, 5):
            touch("touchMove", (x + 5 * step, y), (x + 80 + 5 * step, y + 50))
        touch("touchEnd")
        (stroke,) = sent_strokes(page)
    assert max(place[1] for place in stroke["points"]) - min(place[1] for place in stroke["points"]) < 2


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_fits_a_phone(
    scheme: str, browser: Browser, address: str, catalog: Catalog, pictures: Path
) -> None:
    phone: dict[str, Any] = {"viewport": {"width": 390, "height": 844}, "is_mobile": True, "has_touch": True}
    with tab(browser, address, color_scheme=scheme, **phone) as page:
        photo = f"/photo/{item_of(catalog, 'album/turned.png')}"
        for path in ("/queue", "/queue?flag=mask-share&order=value", "/lots", "/batch", photo):
            page.goto(path)
            assert page.evaluate("document.documentElement.scrollWidth") <= 390, path
            page.screenshot(path=pictures / f"phone-{scheme}-{re.sub('[^a-z0-9]+', '-', path[1:])}.png")
        page.wait_for_selector("[data-stage][data-ready=yes]")
        approve = page.get_by_role("button", name="Approve")
        assert approve.is_visible()
        box = approve.bounding_box()
        assert box is not None
        assert box["height"] >= 44


def test_a_picture_is_moved_by_keyboard_and_has_a_name(
    browser: Browser, address: str, catalog: Catalog
) -> None:
    with tab(browser, address, viewport={"width": 1440, "height": 900}) as page:
        page.goto(f"/photo/{item_of(catalog, 'album/first.png')}")
        page.wait_for_selector("[data-stage][data-ready=yes]")
        page.get_by_role("button", name="Whole picture").focus()
        for _ in range(4):
            page.keyboard.press("+")
        page.keyboard.press("Tab")
        picture = page.get_by_role("img", name="first.png: the scan")
        assert picture.evaluate("(one) => one === document.activeElement")
        page.wait_for_timeout(500)
        before = picture.screenshot()
        page.keyboard.press("ArrowRight")
        page.wait_for_timeout(500)
        assert picture.screenshot() != before


def test_what_is_on_shows_in_colours_of_the_persons_own(
    browser: Browser, address: str, catalog: Catalog
) -> None:
    ground = "(one) => getComputedStyle(one).backgroundColor"
    with tab(browser, address, forced_colors="active") as page:
        page.goto(f"/photo/{item_of(catalog, 'album/first.png')}")
        page.wait_for_selector("[data-stage][data-ready=yes]")
        page.keyboard.press("m")
        page.wait_for_selector("[data-overlay=mask][aria-pressed=true]")
        for name, other in (("Compare", "Side by side"), ("Mask", "Probability")):
            on, off = (page.get_by_role("button", name=one, exact=True) for one in (name, other))
            assert on.evaluate(ground) != off.evaluate(ground), name


def test_enlarged_text_and_the_narrowest_screen_cut_nothing_off(
    browser: Browser, address: str, catalog: Catalog
) -> None:
    cut_off = """() => [...document.querySelectorAll('.decision-buttons .button, .bar .who')].filter((one) => {
            const [inner, outer] = [one, one.closest('.panel, .bar')].map((it) => it.getBoundingClientRect());
            return one.scrollWidth > one.clientWidth + 1 || inner.right > outer.right || inner.top < outer.top;
        }).map((one) => one.textContent.trim())"""
    photo = f"/photo/{item_of(catalog, 'album/first.png')}"
    with tab(browser, address, viewport={"width": 1280, "height": 800}) as page:
        page.goto(photo)
        page.evaluate("document.documentElement.style.fontSize = '200%'")
        assert page.evaluate(cut_off) == []
    with tab(browser, address, viewport={"width": 320, "height": 640}) as page:
        for path in ("/queue", "/lots", "/batch", photo, f"{photo}/mask"):
            page.goto(path)
            assert page.evaluate("document.documentElement.scrollWidth") <= 320, path


def test_a_printed_page_tells_of_the_photo_without_buttons(
    browser: Browser, address: str, catalog: Catalog
) -> None:
    with tab(browser, address) as page:
        page.goto(f"/photo/{item_of(catalog, 'album/first.png')}")
        page.emulate_media(media="print")
        for name in ("Approve", "Reject", "Redo", "Compare", "Sign out"):
            assert page.get_by_role("button", name=name).is_hidden(), name
        assert page.get_by_text("Why it was flagged").is_visible()
        # On paper nothing can be scrolled to.
        assert (
            page.evaluate("(one => one.scrollHeight - one.clientHeight)(document.querySelector('.panel'))")
            <= 0
        )
        assert page.get_by_role("img", name="first.png: the scan").is_visible()


def test_every_control_has_a_name_and_visible_focus(browser: Browser, address: str, catalog: Catalog) -> None:
    nameless = """() => [...document.querySelectorAll(
            'button, a[href], input:not([type=hidden]), select, textarea, img')]
        .filter((one) => !(one.ariaLabel || one.textContent.trim() || one.labels?.length || one.title
            || one.getAttribute('aria-labelledby') || (one.tagName === 'IMG' && one.hasAttribute('alt'))))
        .map((one) => one.outerHTML)"""
    outlines = """() => { const one = document.activeElement; const style = getComputedStyle(one);
        return style.outlineStyle !== 'none' && parseFloat(style.outlineWidth) >= 2; }"""
    item = item_of(catalog, "album/first.png")
    with tab(browser, address) as page:
        for path in ("/queue", f"/photo/{item}", f"/photo/{item}/mask", "/batch", "/lots"):
            page.goto(path)
            assert page.evaluate(nameless) == [], path
        page.goto("/lots")
        for _ in range(4):
            page.keyboard.press("Tab")
            assert page.evaluate(outlines)
