"""Living with deployments in a real browser: versions, logs, many at once, what uses what."""

from __future__ import annotations

import re

import pytest
from axe_playwright_python.sync_playwright import Axe  # type: ignore[import-untyped] # has none
from playwright.sync_api import Page, Route, expect

from tests.browser.conftest import PATIENCE, Service
from tests.browser.test_journeys import ready, started

pytestmark = [pytest.mark.slow, pytest.mark.timeout(180)]


@pytest.fixture(scope="module")
def pair(service: Service) -> None:
    """Deploy two of which one uses the other."""
    for template, name in (("tkt-oracle", "oracle"), ("tkt-asker", "asker")):
        if name not in service.names():
            service.deploy(template, name)


def test_going_back_shows_first_what_it_changes_and_leaves_a_new_version(
    page: Page, service: Service
) -> None:
    service.deploy("tkt-hello", "turning")
    ready(page, "/deployments/turning")
    service.push("turning", "README.md", "something new")
    expect(page.locator(".history li").first).to_contain_text("Serving", timeout=PATIENCE)
    expect(page.locator(".history li")).to_have_count(2)
    page.locator("#roll-back").click()
    expect(page.locator("tr.minus")).to_contain_text("something new")
    page.get_by_role("button", name="Roll back").dblclick()
    page.wait_for_url("**/deployments/turning")
    started(page)
    expect(page.locator(".history li")).to_have_count(3, timeout=PATIENCE)
    expect(page.locator(".history li").first).to_contain_text("Serving", timeout=PATIENCE)
    expect(page.locator("#pipeline h2")).to_contain_text("Roll back")
    expect(page.locator("#state")).to_have_text("Healthy")


def test_what_streams_do_not_bring_is_asked_for(page: Page, service: Service) -> None:
    def refuse_streams(route: Route) -> None:
        if "text/event-stream" in route.request.headers.get("accept", ""):
            route.abort()
        else:
            route.continue_()

    page.route("**/api/v1/**", refuse_streams)
    service.deploy("tkt-hello", "unstreamed")
    ready(page, "/deployments/unstreamed")
    commit = service.push("unstreamed", "README.md", "pushed meanwhile")
    first = page.locator(".event-rollout-succeeded")
    expect(first).to_contain_text(commit[:12], timeout=PATIENCE)
    expect(first).to_have_count(1)
    expect(page.locator("[data-lost]")).to_be_hidden()


def test_a_laptop_that_slept_is_told_everything_once(page: Page, service: Service) -> None:
    service.deploy("tkt-hello", "slept-through")
    page.clock.install()
    ready(page, "/deployments/slept-through")
    expect(page.locator(".history li").first).to_contain_text("Serving")
    page.context.set_offline(True)
    commits = []
    for number in range(2):
        commits.append(service.push("slept-through", "README.md", f"while asleep {number}"))
        service.wait_for_commit("slept-through", commits[-1])
    page.clock.fast_forward("02:00:00")
    page.context.set_offline(False)
    told = page.locator(".event-rollout-succeeded")
    expect(told).to_have_count(2, timeout=PATIENCE)
    for place, commit in enumerate(reversed(commits)):
        expect(told.nth(place)).to_contain_text(commit[:12])
    expect(page.locator("[data-lost]")).to_be_hidden(timeout=PATIENCE)
    expect(page.locator(".history li")).to_have_count(3)


def test_nothing_seems_to_go_on_while_nobody_answers(page: Page, service: Service) -> None:
    service.deploy("tkt-slow", "waiting", state="deploying")
    ready(page, "/deployments/waiting")
    expect(page.locator("[data-elapsed]")).to_have_count(1)
    service.kill()
    expect(page.locator("[data-lost]")).to_contain_text("connection", timeout=PATIENCE)
    shown = page.locator("[data-elapsed]").inner_text()
    page.wait_for_timeout(2500)
    assert page.locator("[data-elapsed]").inner_text() == shown
    service.start()
    expect(page.locator("[data-lost]")).to_be_hidden(timeout=PATIENCE)
    expect(page.locator("#state")).to_have_text("Healthy", timeout=PATIENCE)


@pytest.mark.usefixtures("pair")
def test_a_containers_log_follows_and_holds_still_while_somebody_reads(page: Page) -> None:
    ready(page, "/deployments/asker")
    page.get_by_label("Container", exact=True).select_option("second")
    expect(page).to_have_url(re.compile("container=second"))
    rows = page.locator(".log-line")
    expect(rows.last).to_contain_text("second http://127.0.0.1")
    expect(page.locator(".log-from", has_text="web")).to_have_count(0)
    numbers = [int(text.rsplit(" ", 1)[1]) for text in rows.all_inner_texts() if "word" in text]
    assert numbers == list(range(numbers[0], numbers[0] + len(numbers)))
    follow = page.get_by_role("checkbox", name=re.compile("Follow"))
    follow.uncheck()
    count = rows.count()
    expect(page.locator("[data-follow-label]")).to_have_text(re.compile(r"\d+ new"))
    assert rows.count() == count
    follow.check()
    expect(page.locator("[data-follow-label]")).to_have_text("Follow")
    assert rows.count() > count


@pytest.mark.usefixtures("pair")
def test_the_map_joins_what_uses_each_other_and_leads_there_by_keyboard(page: Page) -> None:
    ready(page, "/map")
    line = page.locator(".map-path", has_text="asker uses oracle (LLM_BASE_URL)")
    expect(line).to_have_count(1)
    row = page.get_by_role("row").filter(has_text="asker")
    expect(row.first).to_contain_text("LLM_BASE_URL")
    page.locator("a.map-node[href='/deployments/asker']").focus()
    page.keyboard.press("Enter")
    page.wait_for_url("**/deployments/asker")
    page.goto("/deployments/oracle/remove")
    expect(page.locator(".callout")).to_contain_text("asker")


def test_several_are_removed_together_by_keyboard_and_choices_outlive_renewal(
    page: Page, service: Service
) -> None:
    for name in ("many-1", "many-2", "many-3"):
        service.deploy("tkt-hello", name)
    ready(page, "/deployments?q=many")
    expect(page.get_by_role("button", name="Remove")).to_be_disabled()
    for name in ("many-1", "many-3"):
        page.get_by_role("checkbox", name=f"Choose {name}").focus()
        page.keyboard.press("Space")
    expect(page.locator("[data-bulk]")).to_contain_text("2 chosen")
    page.wait_for_timeout(6000)  # the list has been renewed by then
    expect(page.locator("[data-bulk]")).to_contain_text("2 chosen")
    page.get_by_role("button", name="Remove").focus()
    page.keyboard.press("Enter")
    expect(page.locator(".plan > li")).to_have_count(2)
    assert Axe().run(page).response["violations"] == []
    page.get_by_label("Delete their repositories").check()
    page.get_by_role("button", name="Remove 2 deployments").click()
    expect(page.get_by_text("under way")).to_have_count(2)
    page.goto("/deployments?q=many")
    expect(page.locator("tbody tr")).to_have_count(1, timeout=PATIENCE)
    page.goto("/deployments/many-1")
    expect(page.get_by_text("Nothing is left.")).to_be_visible()


def test_cancelling_and_trying_again_work_without_scripts(
    plain_page: Page, service: Service
) -> None:
    page = plain_page
    service.deploy("tkt-slow", "stopped", state="deploying")
    page.goto("/deployments/stopped")
    page.get_by_role("button", name="Cancel").click()
    _reload_until(page, "Retry")
    assert page.locator(".step-active").count() == 0
    page.get_by_role("button", name="Retry").click()
    service.wait_for("stopped", "healthy")
    page.goto("/deployments")
    page.get_by_role("checkbox", name="Choose stopped").check()
    page.get_by_role("button", name="Remove").click()
    expect(page.locator("main")).to_contain_text("Nothing has been done yet")


def test_versions_and_logs_work_without_scripts(plain_page: Page, service: Service) -> None:
    page = plain_page
    service.deploy("tkt-hello", "scriptless")
    first = service.deployment("scriptless")["commit"]
    second = service.push("scriptless", "README.md", "more of it")
    page.goto("/deployments/scriptless")
    _reload_until(page, f"Roll back {first[:12]}", "link")
    page.get_by_role("link", name=f"Roll back {first[:12]}").click()
    expect(page.locator("tr.minus")).to_contain_text("more of it")
    page.get_by_role("button", name="Roll back").click()
    page.wait_for_url("**/deployments/scriptless")
    service.wait_for("scriptless", "healthy")
    page.goto(f"/deployments/scriptless/history/{second}")
    expect(page.locator("tr.plus")).to_contain_text("more of it")
    page.goto("/deployments/scriptless")
    page.get_by_label("Container", exact=True).select_option("web")
    page.get_by_role("button", name="Show").click()
    expect(page.locator(".log-line").last).to_contain_text("listening")


def _reload_until(page: Page, name: str, role: str = "button") -> None:
    for _ in range(60):
        if page.get_by_role(role, name=name, exact=True).count():  # type: ignore[arg-type] # a role
            return
        page.wait_for_timeout(500)
        page.reload()
    raise AssertionError(page.locator("main").inner_text())
