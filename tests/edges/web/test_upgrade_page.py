"""The upgrade page: what a newer release would change, chosen and sent without scripts."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from html import unescape
from pathlib import Path

import httpx
import pytest

from tests.edges.asgi import AppTransport
from tests.edges.platform import Scene, without
from tests.edges.releases import (
    DESCRIPTOR,
    NAME,
    a_scene_of_releases,
    main,
    push,
    push_to,
    record,
    with_version,
)
from tests.journeys.installation import wait_until
from thinkube_catalog.api.app import create_app
from thinkube_catalog.api.guard import Access
from thinkube_catalog.domain.deployments import RunState
from thinkube_catalog.operations import upgrade, watch
from thinkube_catalog.operations.upgrade import UpgradeRequest
from thinkube_catalog.web.app import install
from thinkube_catalog.web.site import Site

DEPLOYMENT = f"/deployments/{NAME}"
PAGE = f"{DEPLOYMENT}/upgrade"
SUMMARY = f"{PAGE}/summary"
BRANCH = "catalog/upgrade-v1.1.0"
PAYLOADS = ("<script>alert(1)</script>", '"><svg onload=alert(1)>', "{{ 7 * 7 }}", "' onclick='x")
FORBIDDEN = ("<script>alert", "<svg onload", "onclick='x'")


@dataclass
class Person:
    """Somebody with a browser without scripts, who sends forms as they stand on the page."""

    client: httpx.Client
    scene: Scene

    def see(self, address: str = PAGE) -> str:
        return unescape(self.raw(address))

    def raw(self, address: str = PAGE) -> str:
        return self.client.get(address).text

    def send(self, action: str, *, seen: str = PAGE, **changed: str) -> httpx.Response:
        """Send the page's own form with its hidden fields, some of them changed."""
        form = self.raw(seen).split('id="upgrade"')[1].partition("</form>")[0]
        fields = _fields(form) | {"action": action, **changed}
        return self.client.post(PAGE, data=fields)

    def post(self, address: str, fields: Mapping[str, str]) -> httpx.Response:
        found = re.search(r'name="csrf" value="([^"]+)"', self.raw(address))
        assert found is not None
        return self.client.post(address, data={"csrf": found[1], **fields})


def _fields(form: str) -> dict[str, str]:
    """Return what a browser would send: hidden fields, texts, and radios that are chosen."""
    found = {}
    for tag in re.findall(r"<input [^>]*>", form):
        name, value = (re.search(rf'\b{each}="([^"]*)"', tag) for each in ("name", "value"))
        picked = 'type="radio"' not in tag or " checked" in tag
        if name and picked:
            found[unescape(name[1])] = unescape(value[1]) if value else ""
    return found


def a_person(scene: Scene) -> Person:
    app = create_app(scene.platform, Access(hosts=("testserver",)), version="1.2.3")
    install(app, Site(scene.platform, "1.2.3"))
    client = httpx.Client(transport=AppTransport(app), base_url="http://testserver")
    return Person(client, scene)


@pytest.fixture
def person(tmp_path: Path) -> Iterator[Person]:
    person = a_person(a_scene_of_releases(tmp_path))
    with person.client:
        yield person


def conflicting(person: Person) -> None:
    text = main(person.scene).text("app.py").replace("limit = 10", "limit = 15")
    push(person.scene, **{"app.py": text})


def test_the_page_shows_what_would_change(person: Person) -> None:
    page = person.see()
    for said in (
        "From v1.0.0 to v1.1.0",
        "Speaks in a tone that you choose",
        'name="a.tone"',
        'name="a.greeting"',
        "6 files change",
        "tone.txt",
        "Propose on a branch",
    ):
        assert said in page
    assert "limit = 20" in re.sub("<[^>]*>", "", page)
    assert len(person.scene.platform.deployments.runs(NAME)) == 1


def test_an_upgrade_is_proposed_and_its_state_shown_on_both_pages(person: Person) -> None:
    sent = person.send("propose")
    assert (sent.status_code, sent.headers["location"]) == (303, DEPLOYMENT)
    assert record(person.scene).release.version == "v1.0.0"
    for address in (DEPLOYMENT, PAGE):
        page = person.see(address)
        assert BRANCH in page
        assert "It can be applied." in page
    assert f'href="{PAGE}?to=v1.1.0"' in person.see(DEPLOYMENT)


def test_an_upgrade_is_applied_with_the_answers_of_the_form(person: Person) -> None:
    person.send("apply", **{"a.tone": "plain"})
    now = record(person.scene)
    assert now.release.version == "v1.1.0"
    assert dict(now.answers) == {"project_name": NAME, "greeting": "Good day", "tone": "plain"}
    page = person.see(DEPLOYMENT)
    assert "Upgrade tkt-chat v1.0.0 to v1.1.0" in page
    assert "upgraded" in page
    assert "There is nothing to upgrade to" in person.see()


def test_answers_that_stay_as_they_were_are_not_given_anew(person: Person) -> None:
    person.send("propose", **{"a.tone": "plain"})
    person.send("apply")
    assert record(person.scene).answers["tone"] == "plain"


def test_a_conflict_is_shown_and_settled_by_a_choice(person: Person) -> None:
    conflicting(person)
    page = person.see()
    assert "You and the template changed the same lines." in page
    assert "<<<<<<< before updating" in unescape(re.sub("<[^>]*>", "", person.raw()))
    assert re.search(r'value="apply" disabled', page)
    refused = person.send("apply")
    assert refused.status_code == 422
    assert "both you and the template changed it" in unescape(refused.text)
    checked = person.send("check", **{"c.app.py": "theirs"})
    assert not re.search(r'value="apply" disabled', checked.text)
    assert 'name="c.app.py" value="theirs" checked' in checked.text
    person.send("apply", **{"c.app.py": "theirs"})
    assert "limit = 20" in main(person.scene).text("app.py")


def test_a_proposal_in_conflict_says_so_until_somebody_settles_it(person: Person) -> None:
    conflicting(person)
    person.send("propose")
    assert "1 file is still in conflict:" in person.see(DEPLOYMENT)
    [proposal] = upgrade.proposals(person.scene.platform, NAME)
    push_to(person.scene, proposal, **{"app.py": "print('settled')\n"})
    page = person.see(DEPLOYMENT)
    assert "It can be applied." in page
    assert "With commits of A person" in page
    person.send("apply")
    assert main(person.scene).text("app.py") == "print('settled')\n"


def test_a_proposal_is_withdrawn(person: Person) -> None:
    person.send("propose")
    sent = person.send("withdraw")
    assert sent.headers["location"] == PAGE
    assert upgrade.proposals(person.scene.platform, NAME) == ()
    assert "Proposed upgrades" not in person.see(DEPLOYMENT)


def test_another_release_can_be_chosen(tmp_path: Path) -> None:
    person = a_person(
        a_scene_of_releases(tmp_path, with_version("v1.2.0", **{"more.txt": "more\n"}))
    )
    page = person.see()
    assert "From v1.0.0 to v1.2.0" in page
    assert re.findall(r'<option value="(v[^"]*)"', page) == ["v1.2.0", "v1.1.0"]
    assert "From v1.0.0 to v1.1.0" in person.see(f"{PAGE}?to=v1.1.0")
    person.send("apply", seen=f"{PAGE}?to=v1.1.0")
    assert record(person.scene).release.version == "v1.1.0"


def test_sending_twice_starts_one_run(person: Person) -> None:
    form = person.raw().split('id="upgrade"')[1].partition("</form>")[0]
    fields = _fields(form) | {"action": "propose"}
    for _ in range(2):
        assert person.client.post(PAGE, data=fields).status_code == 303
    assert len(person.scene.platform.deployments.runs(NAME)) == 2


def test_what_cannot_be_is_refused_on_the_page(person: Person) -> None:
    page = person.client.get(f"{PAGE}?to=v9.9.9")
    assert page.status_code == 200
    assert "There is nothing to upgrade to" in page.text
    assert person.client.get("/deployments/nobody/upgrade").status_code == 404
    forged = person.client.post(PAGE, data={"action": "apply"})
    assert forged.status_code == 403


def test_lists_and_pages_lead_to_the_upgrade(person: Person) -> None:
    person.see("/templates/tkt-chat")  # so that the newest release is looked for, beside it
    for page in ("/deployments", DEPLOYMENT):
        wait_until(lambda: f'href="{PAGE}"' in person.see(page), f"{page} leads to it")  # noqa: B023 (at once)


@pytest.mark.parametrize(("apply", "version"), [("", "v1.0.0"), ("true", "v1.1.0")])
def test_several_are_upgraded_after_their_plan(person: Person, apply: str, version: str) -> None:
    chosen = {"name": NAME, "action": "upgrade"}
    plan = unescape(person.post("/deployments", chosen).text)
    assert f'href="{PAGE}">See what changes' in plan
    assert "v1.0.0 to v1.1.0 · 6 files change" in person.see(SUMMARY)
    assert len(person.scene.platform.deployments.runs(NAME)) == 1
    person.post("/deployments", {**chosen, "confirmed": "true", "key": "k", "apply": apply})
    assert person.scene.platform.deployments.runs(NAME)[0].state is RunState.SUCCEEDED
    assert record(person.scene).release.version == version


def test_those_in_conflict_are_only_proposed_where_others_are_applied(person: Person) -> None:
    conflicting(person)
    chosen = {"name": NAME, "action": "upgrade"}
    assert "1 file in conflict" in person.see(SUMMARY)
    person.post("/deployments", {**chosen, "confirmed": "true", "key": "k", "apply": "true"})
    assert record(person.scene).release.version == "v1.0.0"
    assert len(upgrade.proposals(person.scene.platform, NAME)) == 1


def test_what_was_changed_and_does_not_run_is_said_and_brought_in(person: Person) -> None:
    changed = DESCRIPTOR.replace("{{ project_name }}", NAME).replace("small", "large")
    with without(person.scene.platform, runs_objects=True):
        push(person.scene, **{"thinkube.yaml": changed})
        watch.observe(person.scene.platform)
        page = person.see(DEPLOYMENT)
        assert "What you changed does not run" in page
        assert f'href="{DEPLOYMENT}/remake"' in page
        page = person.see(f"{DEPLOYMENT}/remake")
        assert "1Gi" in page
        form = page.split(f'action="{DEPLOYMENT}/remake"')[1].partition("</form>")[0]
        sent = person.client.post(f"{DEPLOYMENT}/remake", data=_fields(form))
        assert sent.headers["location"] == DEPLOYMENT
        page = person.see(DEPLOYMENT)
        assert "What you changed does not run" not in page
        assert "k8s/ made anew" in page
        assert "k8s/ says what thinkube.yaml says" in person.see(f"{DEPLOYMENT}/remake")
        push(person.scene, **{"thinkube.yaml": changed.replace("port: 8000", "port: many")})
        watch.observe(person.scene.platform)
        page = person.see(DEPLOYMENT)
        assert "port must be a whole number" in page
        assert f'href="{DEPLOYMENT}/remake"' not in page
        page = person.see(f"{DEPLOYMENT}/remake")
        assert "port must be a whole number" in page
        assert f'action="{DEPLOYMENT}/remake"' not in page


@pytest.mark.parametrize("payload", PAYLOADS)
def test_names_texts_and_answers_stay_text(person: Person, payload: str) -> None:
    conflicting(person)
    named = payload.replace("/", "|")
    upgrade.request(person.scene.platform, UpgradeRequest(NAME, answers={"tone": payload}))
    [proposal] = upgrade.proposals(person.scene.platform, NAME)
    marks = f"<<<<<<< before updating\n{payload}\n=======\n>>>>>>> after updating\n"
    push_to(person.scene, proposal, **{named: marks})
    for address in (PAGE, DEPLOYMENT, "/deployments"):
        page = person.raw(address)
        assert not [each for each in FORBIDDEN if each in page], address
        assert not re.findall(r">\s*49\s*<", page)
    assert named in person.see()
