"""Upgrading in a real browser, on the embedded platform: seen, settled, applied, healthy."""

from __future__ import annotations

import pytest
from axe_playwright_python.sync_playwright import Axe  # type: ignore[import-untyped] # has none
from playwright.sync_api import Page, expect

from tests.browser.conftest import PATIENCE, Service
from tests.browser.offer import newer

pytestmark = [pytest.mark.slow, pytest.mark.timeout(180)]


@pytest.fixture(params=["with scripts", "without"])
def any_page(request: pytest.FixtureRequest) -> Page:
    chosen: Page = request.getfixturevalue(
        "page" if request.param == "with scripts" else "plain_page"
    )
    return chosen


@pytest.fixture
def guests(any_page: Page, service: Service, request: pytest.FixtureRequest) -> str:
    """Deploy from the first release what somebody then changes, and offer the next release."""
    name = f"guests-{'plain' if 'without' in request.node.name else 'live'}"
    service.deploy("tkt-guestbook", name, ref="v0.1.0")
    service.change(name, "app.py", 'print("listening"', 'print("I am listening"')
    service.wait_for(name, "healthy")
    if service.newest("tkt-guestbook") == "v0.1.0":
        service.release("tkt-guestbook", newer("tkt-guestbook"))
    return name


def test_an_upgrade_is_seen_settled_and_applied(
    any_page: Page, service: Service, guests: str
) -> None:
    page = any_page
    page.goto(f"/deployments/{guests}/upgrade")
    expect(page.get_by_role("heading", name="From v0.1.0 to v0.2.0")).to_be_visible()
    expect(page.get_by_text("Says good-bye in words of your own")).to_be_visible()
    apply = page.get_by_role("button", name="Apply to main")
    expect(apply).to_be_disabled()
    page.get_by_label("Farewell").fill("See you")
    page.get_by_role("button", name="Propose on a branch").click()
    page.wait_for_url(f"**/deployments/{guests}")
    waiting = page.locator("#proposals")
    expect(waiting).to_contain_text("1 file is still in conflict", timeout=PATIENCE)
    service.wait_for(guests, "healthy")  # as before: a proposal changes nothing
    waiting.get_by_role("link", name="Look at it").click()
    page.get_by_label("Take the template's").check()
    page.get_by_role("button", name="Show what that changes").click()
    expect(apply).to_be_enabled()
    apply.click()
    page.wait_for_url(f"**/deployments/{guests}")
    expect(page.locator(".history li").first).to_contain_text("Serving", timeout=PATIENCE)
    expect(page.locator(".history li").first).to_contain_text("upgraded")
    expect(page.locator("header .under")).to_contain_text("v0.2.0")
    answers = service.deployment(guests)["answers"]
    assert answers["farewell"] == "See you"  # type: ignore[index] # a mapping, as JSON


def test_several_are_looked_at_and_upgraded_one_after_the_other(
    page: Page, service: Service
) -> None:
    names = ["together-1", "together-2"]
    for name in names:
        service.deploy("tkt-guestbook", name, ref="v0.1.0")
    service.deploy("tkt-hello", "together-not")
    if service.newest("tkt-guestbook") == "v0.1.0":
        service.release("tkt-guestbook", newer("tkt-guestbook"))
    page.goto("/deployments?q=together")
    page.get_by_label("Choose all on this page").check()
    page.get_by_role("button", name="Upgrade", exact=True).click()
    lines = page.locator(".plan > li")
    expect(lines.filter(has_text="v0.1.0 to v0.2.0 · ")).to_have_count(2, timeout=PATIENCE)
    expect(lines.filter(has_text="together-not has v0.1.0 already")).to_have_count(1)
    assert Axe().run(page).response["violations"] == []
    page.get_by_label("Apply those without conflicts").check()
    page.get_by_role("button", name="Upgrade 2 deployments").dblclick()
    expect(page.get_by_text("Each of these has been asked for")).to_be_visible(timeout=PATIENCE)
    expect(lines.filter(has_text="under way")).to_have_count(2)
    for name in names:
        page.goto(f"/deployments/{name}")
        expect(page.locator("header .under")).to_contain_text("v0.2.0", timeout=PATIENCE)
        expect(page.locator("#pipeline h2")).to_contain_text("Upgrade")


def test_an_outage_while_several_are_asked_for_leaves_a_button_to_go_on(
    page: Page, service: Service
) -> None:
    for name in ("parted-1", "parted-2"):
        service.deploy("tkt-hello", name)
    page.goto("/deployments?q=parted")
    page.get_by_label("Choose all on this page").check()
    page.get_by_role("button", name="Remove").click()
    button = page.get_by_role("button", name="Remove 2 deployments")
    expect(page.locator("body[data-ready]")).to_have_count(1)
    page.context.set_offline(True)
    button.click()
    expect(page.get_by_text("The service did not answer").first).to_be_visible()
    page.context.set_offline(False)
    button.click()
    expect(page.get_by_text("under way")).to_have_count(2, timeout=PATIENCE)
