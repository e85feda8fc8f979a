"""What people do, from finding a template to removing what they deployed, in a real browser."""

from __future__ import annotations

import re

import httpx
import pytest
from playwright.sync_api import Page, Route, expect

from tests.browser.conftest import PATIENCE, Service
from tests.browser.offer import TEMPLATES

pytestmark = [pytest.mark.slow, pytest.mark.timeout(180)]


def ready(page: Page, address: str) -> None:
    """Open a page and wait until its scripts have begun to work."""
    page.goto(address)
    started(page)


def started(page: Page) -> None:
    expect(page.locator("body[data-ready]")).to_have_count(1)


def deploy(page: Page, template: str, name: str, **answers: str) -> None:
    ready(page, f"/templates/{template}/deploy")
    page.fill("[name='a.project_name']", name)
    for question, answer in answers.items():
        page.fill(f"[name='a.{question}']", answer)
    page.get_by_role("button", name="Deploy", exact=True).click()
    page.wait_for_url(f"**/deployments/{name}")
    started(page)


def state(page: Page) -> str:
    return page.locator("#state").inner_text()


def test_find_and_deploy_by_keyboard_alone(page: Page) -> None:
    ready(page, "/")
    page.keyboard.press("/")
    page.keyboard.type("helo pgae")
    expect(page.locator("[data-count]")).to_have_text("1 template matches", timeout=PATIENCE)
    expect(page).to_have_url(re.compile("q=helo"))
    expect(page.locator("mark").first).to_be_visible()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    page.wait_for_url("**/templates/tkt-hello")
    deploy_link = page.get_by_role("link", name="Deploy", exact=True).first
    deploy_link.focus()
    page.keyboard.press("Enter")
    page.wait_for_url("**/deploy")
    started(page)
    page.locator("[name='a.project_name']").focus()
    page.keyboard.type("by-keys")
    page.keyboard.press("Enter")  # checks, and never deploys by accident
    expect(page.locator(".shown pre")).to_contain_text("# by-keys")
    assert page.url.endswith("/deploy")
    page.locator("[data-send]").focus()
    page.keyboard.press("Enter")
    page.wait_for_url("**/deployments/by-keys")
    expect(page.locator("#state")).to_have_text("Healthy", timeout=PATIENCE)
    expect(page.locator("[data-log]")).to_contain_text("coming up with")


def test_the_search_stands_in_the_address_and_goes_back(page: Page) -> None:
    ready(page, "/?q=slow")
    expect(page.locator("[data-count]")).to_have_text("1 template matches")
    page.get_by_role("link", name="Clear all filters").click()
    expect(page.locator("[data-count]")).to_have_text(f"{len(TEMPLATES)} templates")
    page.go_back()
    expect(page.locator("[data-count]")).to_have_text("1 template matches")
    assert page.input_value("[name=q]") == "slow"


def test_conditional_questions_keep_what_was_answered_through_hiding_and_reload(page: Page) -> None:
    ready(page, "/templates/tkt-hello/deploy")
    page.fill("[name='a.project_name']", "traced")
    expect(page.locator("[name='a.greeting']")).to_have_value("Hello from traced")
    host = page.locator("input[type=text][name='a.tracing_host']")
    expect(host).to_have_count(0)
    page.get_by_label("Tracing", exact=True).check()
    host.fill("https://mine.test")
    expect(page.locator(".shown pre")).to_contain_text("Traces go to https://mine.test")
    page.get_by_label("Tracing", exact=True).uncheck()
    expect(host).to_have_count(0)
    page.get_by_label("Tracing", exact=True).check()
    expect(host).to_have_value("https://mine.test")
    page.reload()
    expect(host).to_have_value("https://mine.test")
    expect(page.locator("[name='a.project_name']")).to_have_value("traced")
    page.goto("/")
    page.go_back()
    expect(host).to_have_value("https://mine.test")


def test_errors_come_at_their_field_and_a_refused_form_loses_nothing(page: Page) -> None:
    ready(page, "/templates/tkt-hello/deploy")
    page.fill("[name='a.project_name']", "Not Good")
    expect(page.locator("#q-project_name-all .error")).to_be_visible()
    page.fill("[name='a.greeting']", "Good day")
    page.get_by_role("button", name="Deploy", exact=True).click()
    expect(page.locator("#summary")).to_contain_text("to be mended")
    expect(page.locator("[name='a.greeting']")).to_have_value("Good day")
    expect(page.locator("[name='a.project_name']")).to_be_focused()
    assert page.url.endswith("/deploy")


def test_a_double_click_makes_one_deployment(page: Page) -> None:
    ready(page, "/templates/tkt-hello/deploy")
    page.fill("[name='a.project_name']", "twice")
    page.get_by_role("button", name="Deploy", exact=True).dblclick()
    page.wait_for_url("**/deployments/twice")
    expect(page.locator("#state")).to_have_text("Healthy", timeout=PATIENCE)
    expect(page.locator(".event-run-started")).to_have_count(1)


def test_models_are_searched_and_say_what_they_need(page: Page) -> None:
    ready(page, "/templates/tkt-model-server/deploy")
    expect(page.locator(".model-fit").first).to_contain_text("of 24 GiB")
    expect(page.locator(".model-fit.bad").first).to_contain_text("the largest GPU has 24 GiB")
    before = page.locator(".choice:visible").count()
    page.get_by_label("Search the models").fill("0.6b")
    found = page.locator(".choice:visible").count()
    assert 0 < found < before
    expect(page.locator("[data-announce]")).to_have_text(f"{found} of {before} models")
    page.get_by_role("radio", name=re.compile("^Qwen3 0.6B")).check()
    page.fill("[name='a.project_name']", "served")
    expect(page.locator("#preview")).to_contain_text("Kubernetes objects")


def test_secrets_are_chosen_from_the_store_or_typed_once(page: Page, service: Service) -> None:
    stored = httpx.put(f"{service.address}/api/v1/secrets/HF_TOKEN", json={"value": "canary"})
    stored.raise_for_status()
    ready(page, "/templates/tkt-model-server/deploy")
    expect(page.get_by_label("HF_TOKEN", exact=True)).to_have_value("stored:HF_TOKEN")
    page.get_by_label("Or type a value: HF_TOKEN").fill("typed-canary")
    page.fill("[name='a.project_name']", "with-secret")
    expect(page.locator("[data-question=model_id]")).to_be_visible()
    kept = page.evaluate("JSON.stringify(sessionStorage) + document.documentElement.outerHTML")
    assert "canary" not in kept
    assert "canary" not in page.url


def test_cards_are_completed_once_somebody_has_looked_at_their_templates(page: Page) -> None:
    asked: list[str] = []

    def not_checked(route: Route) -> None:
        asked.append(route.request.url)
        answer = route.fetch()
        early = '<span class="health"><span data-unchecked>not checked yet</span>'
        body = answer.text()
        if len(asked) == 1:
            body = body.replace('<span class="health">', early)
        route.fulfill(response=answer, body=body)

    page.route(re.compile(r"/$"), not_checked)
    ready(page, "/")
    expect(page.locator("[data-unchecked]")).to_have_count(0)
    assert len(asked) > 1


def test_progress_is_live_through_a_killed_service_and_tells_each_thing_once(
    page: Page, service: Service
) -> None:
    deploy(page, "tkt-slow", "patient")
    expect(page.locator(".step-active")).to_have_count(1)
    service.kill()
    expect(page.locator("[data-lost]")).to_be_visible(timeout=PATIENCE)
    assert "stale" in (page.locator("body").get_attribute("class") or "")
    service.start()
    expect(page.locator("[data-lost]")).to_be_hidden(timeout=PATIENCE)
    expect(page.locator("#state")).to_have_text("Healthy", timeout=PATIENCE)
    expect(page.locator(".step-done")).to_have_count(6)
    expect(page.locator(".event-run-succeeded")).to_have_count(1)
    expect(page.locator(".event-run-started")).to_have_count(1)
    told = page.locator(".event-step-succeeded").count()
    assert told == 6


def test_a_failure_says_its_cause_and_its_mend_first(page: Page) -> None:
    deploy(page, "tkt-broken", "sorry")
    expect(page.locator("#state")).to_have_text("Failed", timeout=60_000)
    trouble = page.locator(".trouble")
    expect(trouble).to_contain_text("no database at db:5432")
    expect(trouble.locator(".mend")).not_to_have_count(0)
    expect(page.get_by_role("button", name="Retry")).to_be_visible()
    expect(page.locator("[data-log]")).to_contain_text("no database")


def test_times_are_in_the_readers_zone(page: Page) -> None:
    deploy(page, "tkt-hello", "on-time")
    stamp = page.locator("#facts time").first
    expect(stamp).not_to_contain_text("UTC")
    shown, exact = stamp.inner_text(), stamp.get_attribute("datetime") or ""
    hour = (int(exact[11:13]) + 9) % 24
    assert f"{hour:02}:{exact[14:16]}" in shown


def test_removal_shows_its_plan_and_ends_with_what_is_left(page: Page) -> None:
    deploy(page, "tkt-hello", "going")
    expect(page.locator("#state")).to_have_text("Healthy", timeout=PATIENCE)
    page.get_by_role("link", name="Remove").click()
    expect(page.locator(".stays")).not_to_have_count(0)
    page.get_by_role("link", name="Delete as well Repository").click()
    page.get_by_role("button", name="Remove going").click()
    page.wait_for_url("**/deployments/going")
    expect(page.locator("h1 + p, .under").first).to_contain_text(
        re.compile("Removed"), timeout=PATIENCE
    )
    expect(page.get_by_text("Nothing is left.")).to_be_visible()


def test_the_whole_way_works_without_scripts(plain_page: Page) -> None:
    page = plain_page
    page.goto("/")
    page.fill("[name=q]", "hello")
    page.get_by_role("button", name="Search").click()
    page.get_by_role("link", name="Hello page").click()
    page.get_by_role("link", name="Deploy", exact=True).first.click()
    page.fill("[name='a.project_name']", "plain")
    page.get_by_label("Tracing", exact=True).check()
    page.get_by_role("button", name="Check and preview").click()
    page.fill("input[type=text][name='a.tracing_host']", "https://mine.test")
    page.locator("button[value='README.md']").click()
    expect(page.locator(".shown pre")).to_contain_text("Traces go to https://mine.test")
    page.get_by_role("button", name="Deploy", exact=True).click()
    expect(page.locator("h1")).to_have_text("plain")
    for _ in range(60):
        if state(page) == "Healthy":
            break
        page.wait_for_timeout(500)
        page.reload()
    assert state(page) == "Healthy"
    page.get_by_role("link", name="Remove").click()
    page.get_by_role("button", name="Remove plain").click()
    for _ in range(60):
        if page.get_by_text("What is left").count():
            break
        page.wait_for_timeout(500)
        page.reload()
    expect(page.locator("main")).to_contain_text("thinkube-deployments/plain")
