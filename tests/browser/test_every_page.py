"""Every page, in both colour schemes and at both widths: accessible, within the screen, and seen.

With WRITE_SCREENSHOTS set, pictures of all pages are written into `docs/images/`.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import httpx
import pytest
from axe_playwright_python.sync_playwright import Axe  # type: ignore[import-untyped] # has none
from playwright.sync_api import Browser, Page, expect

from tests.browser.conftest import Service
from tests.browser.offer import newer
from tests.browser.test_journeys import started

pytestmark = [pytest.mark.slow, pytest.mark.timeout(180)]

IMAGES = Path(__file__).parents[2] / "docs" / "images"
WIDTHS = {"wide": 1440, "narrow": 390}
PAGES = {
    "catalog": "/",
    "catalog-search": "/?q=helo",
    "catalog-empty": "/?q=nothing-like-it",
    "template": "/templates/tkt-hello",
    "deploy": "/templates/tkt-hello/deploy",
    "deploy-model": "/templates/tkt-model-server/deploy",
    "deployment": "/deployments/seen",
    "deployment-failed": "/deployments/unwell",
    "upgrade": "/deployments/guests/upgrade",
    "upgrade-nothing": "/deployments/seen/upgrade",
    "deployment-proposed": "/deployments/visitors",
    "revision": "/deployments/seen/history/{commit}",
    "rollback": "/deployments/seen/history/{first}?back=true",
    "removal": "/deployments/oracle/remove",
    "removed": "/deployments/gone",
    "deployments": "/deployments",
    "map": "/map",
    "not-found": "/nowhere",
}
Scheme = Literal["light", "dark"]


@pytest.fixture(scope="module")
def deployed(service: Service) -> dict[str, str]:
    """Deploy one that is well and one that is not; return what addresses need of them."""
    for template, name, state in (
        ("tkt-hello", "seen", "healthy"),
        ("tkt-oracle", "oracle", "healthy"),
        ("tkt-asker", "user-of-oracle", "healthy"),
        ("tkt-broken", "unwell", "failed"),
        ("tkt-guestbook", "guests", "healthy"),
        ("tkt-guestbook", "visitors", "healthy"),
        ("tkt-hello", "gone", "healthy"),
    ):
        if name not in service.names():  # by another module, that is
            service.deploy(template, name, state)
    _offer_a_newer_release(service)
    first = service.deployment("seen")["commit"]
    second = service.push("seen", "app.py", "print('and more')")
    httpx.delete(f"{service.address}/api/v1/deployments/gone").raise_for_status()
    service.wait_for("seen", "healthy")
    return {"commit": second, "first": first}


def _offer_a_newer_release(service: Service) -> None:
    """Have one that could be upgraded but for a conflict, and one whose upgrade is proposed."""
    service.change("guests", "app.py", 'print("listening"', 'print("I am listening"')
    if service.newest("tkt-guestbook") == "v0.1.0":
        service.release("tkt-guestbook", newer("tkt-guestbook"))
    address = f"{service.address}/api/v1/deployments/visitors/upgrade"
    httpx.post(address, json={}, timeout=60).raise_for_status()
    service.wait_for("guests", "healthy")


@pytest.fixture(params=[(s, w) for s in ("light", "dark") for w in WIDTHS], ids="-".join)
def look(
    request: pytest.FixtureRequest, browser: Browser, service: Service
) -> Iterator[tuple[Page, str, str]]:
    scheme, width = request.param
    context = browser.new_context(
        base_url=service.address,
        color_scheme=scheme,
        reduced_motion="reduce",
        viewport={"width": WIDTHS[width], "height": 900},
    )
    yield context.new_page(), scheme, width
    context.close()


def check(page: Page, width: str) -> None:
    results = Axe().run(page).response
    violations = [
        f"{each['id']}: {node['html'][:160]} {node['failureSummary'][:200]}"
        for each in results["violations"]
        for node in each["nodes"]
    ]
    assert violations == []
    assert page.evaluate("document.documentElement.scrollWidth") <= WIDTHS[width]
    moving = "document.getAnimations().filter((each) => each.playState === 'running').length"
    assert page.evaluate(moving) == 0


@pytest.mark.parametrize("name", PAGES)
def test_the_page_is_accessible_and_fits_the_screen(
    look: tuple[Page, str, str], name: str, deployed: dict[str, str]
) -> None:
    page, scheme, width = look
    page.goto(PAGES[name].format(**deployed))
    page.wait_for_load_state("load")
    started(page)
    check(page, width)
    if os.environ.get("WRITE_SCREENSHOTS") and scheme == ("dark" if width == "narrow" else "light"):
        IMAGES.mkdir(exist_ok=True)
        page.screenshot(path=IMAGES / f"{name}-{width}.png", full_page=False)


def test_a_form_with_faults_and_one_with_differences_are_accessible(
    look: tuple[Page, str, str],
    deployed: dict[str, str],
) -> None:
    page, scheme, width = look
    page.goto("/templates/tkt-hello/deploy")
    started(page)
    page.fill("[name='a.project_name']", "Not Good")
    page.get_by_role("button", name="Deploy", exact=True).click()
    expect(page.locator("#summary")).to_contain_text("to be mended")
    check(page, width)
    page.fill("[name='a.project_name']", "seen")
    page.fill("[name='a.greeting']", "Something else")
    page.locator(".leaf[value='README.md']").click()
    expect(page.locator(".shown-change tr.plus")).to_contain_text("Something else")
    check(page, width)
    if os.environ.get("WRITE_SCREENSHOTS") and scheme == ("dark" if width == "narrow" else "light"):
        page.screenshot(path=IMAGES / f"deploy-existing-{width}.png", full_page=False)
