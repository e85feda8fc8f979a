"""Each journey by keyboard alone: every stop is seen, nothing traps, live parts keep the focus."""

from __future__ import annotations

import re

import httpx
import pytest
from playwright.sync_api import Locator, Page, Route, expect

from tests.browser.conftest import PATIENCE, Service
from tests.browser.offer import TEMPLATES
from tests.browser.test_journeys import ready, started

pytestmark = [pytest.mark.slow, pytest.mark.timeout(180)]

MOST_STOPS = 120

SEEN = """
() => {
  const element = document.activeElement;
  if (!element || element === document.body) return "nothing";
  const marked = (each) => {
    const style = getComputedStyle(each);
    const box = getComputedStyle(each.querySelector(".map-box") ?? each);
    return (style.outlineStyle !== "none" && parseFloat(style.outlineWidth) > 0)
      || style.boxShadow !== "none" || parseFloat(box.strokeWidth) > 2;
  };
  if (!marked(element) && !element.closest(".choice, .card")) return "not marked";
  const place = element.getBoundingClientRect();
  const target = element.closest(".choice, .switch")?.getBoundingClientRect() ?? place;
  const shown = target.bottom > 0 && target.top < innerHeight && target.right > 0;
  return shown ? "" : "outside the screen";
}
"""
"""Says what is wrong with where the focus is; nothing when it can be seen."""

WHO = """
() => {
  const each = document.activeElement;
  const said = each.textContent.trim().slice(0, 40);
  return `${each.localName} ${each.id} ${each.getAttribute("name")} ${said}`;
}
"""


def is_focused(target: Locator) -> bool:
    return bool(target.evaluate_all("all => all.includes(document.activeElement)"))


def tab_to(page: Page, target: Locator, key: str = "Tab") -> None:
    """Press Tab until the target has the focus; each stop on the way has to be seen."""
    passed = []
    for _ in range(MOST_STOPS):
        page.keyboard.press(key)
        who = page.evaluate(WHO)
        assert page.evaluate(SEEN) == "", who
        if is_focused(target):
            return
        passed.append(who)
    raise AssertionError(f"{target} was not reached: {passed}")


def focus_on(page: Page, target: Locator) -> None:
    """Reach it from the beginning of the page."""
    page.locator(".skip").evaluate("each => { each.focus(); each.blur(); }")
    tab_to(page, target)


def fill(page: Page, name: str, text: str) -> None:
    tab_to(page, page.locator(f"[name='a.{name}']:not([type=hidden])"))
    page.keyboard.press("ControlOrMeta+a")
    page.keyboard.type(text)


def deploy(page: Page, template: str, name: str) -> None:
    ready(page, f"/templates/{template}/deploy")
    fill(page, "project_name", name)
    expect(page.locator(".shown pre")).to_contain_text(name)
    tab_to(page, page.locator("[data-send]"))
    page.keyboard.press("Enter")
    page.wait_for_url(f"**/deployments/{name}")
    started(page)


def test_finding_opening_and_deploying(page: Page) -> None:
    ready(page, "/")
    page.keyboard.press("Tab")
    expect(page.locator(".skip")).to_be_focused()
    assert page.evaluate(SEEN) == ""
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    search = page.get_by_role("searchbox")
    expect(search).to_be_focused()  # the menu has been skipped
    page.keyboard.type("nothing")
    expect(page.get_by_text("Nothing matches this search")).to_be_visible()
    page.keyboard.press("Escape")
    expect(search).to_have_value("")
    expect(page.locator("[data-count]")).to_have_text(f"{len(TEMPLATES)} templates")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowUp")
    page.keyboard.press("ArrowUp")
    expect(search).to_be_focused()
    page.keyboard.type("helo")
    expect(page.locator("[data-count]")).to_have_text("1 template matches")
    page.keyboard.press("ArrowDown")
    assert page.evaluate(SEEN) == ""
    page.keyboard.press("/")
    expect(search).to_be_focused()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    page.wait_for_url("**/templates/tkt-hello")
    focus_on(page, page.get_by_role("link", name="Deploy", exact=True).first)
    page.keyboard.press("Enter")
    page.wait_for_url("**/deploy")
    started(page)
    focus_on(page, page.locator("[name='a.project_name']"))
    page.keyboard.type("typed-out")
    tone = page.locator("[name='a.tone']")
    tab_to(page, tone)
    page.keyboard.press("ArrowRight")
    expect(page.locator(".shown pre")).to_contain_text("formal")
    expect(page.locator("[name='a.tone'][value=formal]")).to_be_focused()
    tab_to(page, page.locator("[data-send]"))
    page.keyboard.press("Enter")
    page.wait_for_url("**/deployments/typed-out")
    expect(page.locator("#state")).to_have_text("Healthy", timeout=PATIENCE)


def test_facets_keep_the_focus_and_can_be_taken_back(page: Page) -> None:
    ready(page, "/")
    facet = page.locator("[data-key='category Tools']")
    focus_on(page, facet)
    page.keyboard.press("Enter")
    expect(page.locator("[data-count]")).to_have_text("1 template matches")
    expect(facet).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator("[data-count]")).to_have_text(f"{len(TEMPLATES)} templates")
    expect(facet).to_be_focused()


def test_a_conditional_form_with_back_and_reload(page: Page) -> None:
    ready(page, "/templates/tkt-hello/deploy")
    fill(page, "project_name", "keyed")
    switch = page.get_by_label("Tracing", exact=True)
    tab_to(page, switch)
    page.keyboard.press("Space")
    host = page.locator("input[type=text][name='a.tracing_host']")
    expect(host).to_be_visible()
    expect(switch).to_be_focused()
    page.keyboard.press("Tab")
    expect(host).to_be_focused()
    page.keyboard.press("ControlOrMeta+a")
    page.keyboard.type("https://keys.test")
    expect(page.locator(".shown pre")).to_contain_text("Traces go to https://keys.test")
    page.reload()
    expect(host).to_have_value("https://keys.test")
    focus_on(page, page.get_by_role("link", name="tkt-hello"))
    page.keyboard.press("Enter")
    page.wait_for_url("**/templates/tkt-hello")
    page.go_back()
    expect(host).to_have_value("https://keys.test")
    expect(page.locator("[name='a.project_name']")).to_have_value("keyed")


def test_files_are_opened_and_the_tree_stays_where_it_was(page: Page) -> None:
    ready(page, "/templates/tkt-hello/deploy")
    file = page.locator(".leaf[value='thinkube.yaml']")
    focus_on(page, file)
    page.keyboard.press("Enter")
    expect(page.locator(".shown figcaption")).to_contain_text("thinkube.yaml")
    expect(file).to_be_focused()
    folder = page.locator("details[id='tree-k8s/'] > summary")
    tab_to(page, folder, "Shift+Tab")
    page.keyboard.press("Enter")
    expect(page.locator("details[id='tree-k8s/']")).not_to_have_attribute("open", "")
    tab_to(page, file)
    page.keyboard.press("Enter")
    expect(file).to_be_focused()
    expect(page.locator("details[id='tree-k8s/']")).not_to_have_attribute("open", "")


def test_what_is_wrong_is_told_and_reached(page: Page) -> None:
    ready(page, "/templates/tkt-hello/deploy")
    fill(page, "project_name", "Not Good")
    field = page.locator("[name='a.project_name']")
    expect(page.locator("[data-announce]")).to_contain_text("small letters")
    described = (field.get_attribute("aria-describedby") or "").split()
    said = " ".join(page.locator(f"#{each}").inner_text() for each in described)
    assert "Use small letters" in said
    tab_to(page, page.locator("[data-send]"))
    page.keyboard.press("Enter")
    expect(page.get_by_role("alert")).to_contain_text("to be mended")
    expect(field).to_be_focused()
    assert page.evaluate(SEEN) == ""


def test_progress_is_told_step_by_step_and_takes_no_focus(page: Page) -> None:
    page.add_init_script(
        """
        addEventListener("DOMContentLoaded", () => {
          window.told = [];
          const live = document.querySelector("[data-announce]");
          const observer = new MutationObserver(() => told.push(live.textContent));
          observer.observe(live, { childList: true });
        });
        """
    )
    deploy(page, "tkt-slow", "slow-keys")
    events = page.locator("ol.events")
    focus_on(page, events)
    expect(page.locator("#state")).to_have_text("Healthy", timeout=PATIENCE)
    expect(events).to_be_focused()
    told = page.evaluate("told")
    assert told[-1] == "Healthy"
    assert len(told) == len(set(told)), told
    assert all(re.fullmatch(r"Deploying: .+|Healthy", each) for each in told), told


def test_a_button_that_goes_away_leaves_the_focus_beside_it(page: Page) -> None:
    held = [True]

    def hold(route: Route) -> None:
        if held and route.request.resource_type == "fetch":
            route.abort()
        else:
            route.continue_()

    page.route("**/deployments/stopping", hold)  # it stays as it is first seen
    deploy(page, "tkt-slow", "stopping")
    focus_on(page, page.get_by_role("button", name="Cancel"))
    held.clear()
    expect(page.locator("#state")).to_have_text("Healthy", timeout=PATIENCE)
    expect(page.locator("#head")).to_be_focused()
    tab_to(page, page.locator("#head").get_by_role("link", name="Remove"))


def test_a_failure_and_trying_again(page: Page) -> None:
    deploy(page, "tkt-broken", "failing-keys")
    expect(page.locator("#state")).to_have_text("Failed", timeout=PATIENCE)
    retry = page.get_by_role("button", name="Retry")
    focus_on(page, retry)
    tab_to(page, page.locator(".trouble .lines-pre"))
    tab_to(page, retry, "Shift+Tab")
    page.keyboard.press("Enter")
    expect(page.locator("#pipeline h2")).to_contain_text("attempt 2", timeout=PATIENCE)
    expect(page.locator("#state")).to_have_text("Failed", timeout=PATIENCE)


def test_rolling_back(page: Page, service: Service) -> None:
    service.deploy("tkt-hello", "rolling-keys")
    ready(page, "/deployments/rolling-keys")
    service.push("rolling-keys", "README.md", "one more line")
    expect(page.locator(".history li")).to_have_count(2, timeout=PATIENCE)
    expect(page.locator(".history li").first).to_contain_text("Serving", timeout=PATIENCE)
    focus_on(page, page.locator("#roll-back"))
    page.keyboard.press("Enter")
    page.wait_for_url("**back=true")
    focus_on(page, page.get_by_role("button", name="Roll back"))
    page.keyboard.press("Enter")
    page.wait_for_url("**/deployments/rolling-keys")
    expect(page.locator(".history li")).to_have_count(3, timeout=PATIENCE)


def test_renewing_secrets(page: Page, service: Service) -> None:
    stored = f"{service.address}/api/v1/secrets/STARTER_KEY"
    httpx.put(stored, json={"value": "one-canary"}).raise_for_status()
    service.deploy("tkt-slow", "renewing-keys")
    httpx.put(stored, json={"value": "another-canary"}).raise_for_status()
    ready(page, "/deployments/renewing-keys")
    focus_on(page, page.get_by_role("button", name="Renew secrets"))
    page.keyboard.press("Enter")
    expect(page.locator("#pipeline h2")).to_contain_text("Renew secrets", timeout=PATIENCE)
    expect(page.locator("#pipeline h2")).to_contain_text("Succeeded", timeout=PATIENCE)
    expect(page.locator("#state")).to_have_text("Healthy", timeout=PATIENCE)
    assert "canary" not in page.content()
    tab_to(page, page.get_by_role("button", name="Renew secrets"))


def test_removing_with_a_second_thought(page: Page, service: Service) -> None:
    service.deploy("tkt-hello", "removed-keys")
    ready(page, "/deployments/removed-keys")
    focus_on(page, page.get_by_role("link", name="Remove"))
    page.keyboard.press("Enter")
    page.wait_for_url("**/remove")
    repository = page.locator("[data-key=repository]")
    focus_on(page, repository)
    page.keyboard.press("Enter")
    expect(repository).to_have_text(re.compile("Keep"))
    expect(repository).to_be_focused()
    tab_to(page, page.get_by_role("button", name="Remove removed-keys"))
    page.keyboard.press("Enter")
    page.wait_for_url("**/deployments/removed-keys")
    expect(page.get_by_text("Nothing is left.")).to_be_visible(timeout=PATIENCE)


def test_narrowing_the_list_and_acting_on_several(page: Page, service: Service) -> None:
    for name in ("bulk-keys-1", "bulk-keys-2"):
        service.deploy("tkt-hello", name)
    ready(page, "/deployments")
    search = page.get_by_role("searchbox")
    focus_on(page, search)
    page.keyboard.type("bulk-keys")
    expect(page.locator("tbody tr")).to_have_count(2)
    expect(search).to_be_focused()
    tab_to(page, page.get_by_role("checkbox", name="Choose all"))
    page.keyboard.press("Space")
    expect(page.locator("[data-bulk]")).to_contain_text("2 chosen")
    with page.expect_response(lambda answer: "/deployments?" in answer.url):
        pass  # the list is asked for anew
    expect(page.get_by_role("checkbox", name="Choose all")).to_be_focused()
    expect(page.locator("[data-bulk]")).to_contain_text("2 chosen")
    tab_to(page, page.get_by_role("button", name="Retry"))
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text("Retry 2 deployments")
    focus_on(page, page.get_by_role("button", name="Retry 2 deployments"))
    page.keyboard.press("Enter")
    expect(page.locator(".plan > li")).to_have_count(2)


def test_the_map_is_walked_from_box_to_box(page: Page, service: Service) -> None:
    for template, name in (("tkt-oracle", "oracle"), ("tkt-asker", "asker")):
        if name not in service.names():
            service.deploy(template, name)
    ready(page, "/map")
    first = page.locator("a.map-node[href='/deployments/oracle']")
    focus_on(page, first)
    with page.expect_response("**/map"):
        pass  # it is asked for anew, and the focus stays
    expect(first).to_be_focused()
    tab_to(page, page.locator("a.map-node[href='/deployments/asker']"))
    page.keyboard.press("Enter")
    page.wait_for_url("**/deployments/asker")
