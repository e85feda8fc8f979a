"""A deployment's page: true at any moment, with what to do; and what is done from it."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from tests.edges.web.conftest import Reader, a_reader
from tests.stage import a_stage
from tests.stand_ins import push
from thinkube_catalog.domain.deployments import (
    Event,
    EventKind,
    Run,
    RunKind,
    RunState,
    State,
)
from thinkube_catalog.domain.gitops import EngineUnavailableError
from thinkube_catalog.domain.manifest import SecretDeclaration, TemplateManifest
from thinkube_catalog.domain.secrets import SecretValue
from thinkube_catalog.operations import deploy, prospect, runs, watch
from thinkube_catalog.operations.deploy import DeploymentRequest
from thinkube_catalog.operations.template_files import TemplateFiles
from thinkube_catalog.web.pipeline import steps_of

PAGE = "/deployments/legal-qa"


def deployed(reader: Reader, name: str = "legal-qa", greeting: str = "hi") -> Run:
    asked = DeploymentRequest("tkt-chat", name, {"greeting": greeting})
    return deploy.request(reader.stage.platform, asked)


def live(page: str, part: str) -> str:
    return page.split(f'id="{part}"')[1].partition("</section>")[0]


def test_a_healthy_deployment_shows_its_steps_and_its_address(reader: Reader) -> None:
    deployed(reader)
    page = reader.get(PAGE).text
    assert page.count('class="step step-done"') == len(deploy.STEPS)
    assert 'href="http://127.0.0.1/legal-qa"' in page
    assert "Why it is not well" not in page
    assert "/cancel" not in page


def test_a_failed_one_says_cause_and_mend_first_and_offers_to_try_again(reader: Reader) -> None:
    with reader.stage.shelf.change() as world:
        world.broken.add("legal-qa")
    deployed(reader)
    page = reader.get(PAGE).text
    assert page.index("it crashes") < page.index('id="pipeline"')
    assert "mend it" in page
    assert "Traceback" in page
    assert page.count('class="step step-failed"') == 1
    assert 'action="/deployments/legal-qa/retry"' in page
    with reader.stage.shelf.change() as world:
        world.broken.clear()
    assert reader.send(f"{PAGE}/retry", {}, page=PAGE).headers["location"] == PAGE
    assert reader.stage.platform.deployments.get("legal-qa").state is State.HEALTHY


@pytest.mark.parametrize(
    ("answers", "said"),
    [(True, " serves meanwhile."), (False, "Nothing answers until it is up.")],
)
def test_a_roll_out_is_no_trouble_and_says_what_serves(
    reader: Reader, answers: bool, said: str
) -> None:
    deployed(reader)
    with reader.stage.shelf.change() as world:
        world.renewed["legal-qa"] = answers
    watch.observe(reader.stage.platform)
    page = reader.get(PAGE).text
    assert 'state-rolling-out" id="state"' in page
    assert said in page
    assert "Why it is not well" not in page
    listed = reader.get("/deployments?state=rolling-out").text
    assert 'state-rolling-out"' in listed


@pytest.fixture
def with_a_secret(reader: Reader, monkeypatch: pytest.MonkeyPatch) -> Reader:
    """A healthy deployment that was given a stored secret."""
    manifest = TemplateManifest("tkt-chat", secrets=(SecretDeclaration("HF_TOKEN", "A token"),))
    files = TemplateFiles(manifest, None, "", asks=True, warnings=())
    monkeypatch.setattr(prospect, "read_template", lambda *_: files)
    platform = reader.stage.platform
    platform.secrets.put("SHARED", SecretValue("value-canary"))
    asked = DeploymentRequest("tkt-chat", "legal-qa", {}, secrets={"HF_TOKEN": "SHARED"})
    deploy.request(platform, asked)
    return reader


def test_its_secrets_are_named_and_brought_up_anew_once_for_each_click(
    with_a_secret: Reader,
) -> None:
    page = with_a_secret.get(PAGE).text
    secrets = live(page, "secrets")
    for said in ("HF_TOKEN", "SHARED", "Renewing them starts anew what has others by now"):
        assert said in secrets
    assert 'action="/deployments/legal-qa/renew"' in secrets
    assert "value-canary" not in page
    found = re.search(r'name="key" value="(\w+)"', secrets)
    assert found is not None
    for _ in range(2):
        answer = with_a_secret.send(f"{PAGE}/renew", {"key": found[1]}, page=PAGE)
        assert answer.headers["location"] == PAGE
    deployments = with_a_secret.stage.platform.deployments
    assert [run.kind for run in deployments.runs("legal-qa")] == [RunKind.RENEW, RunKind.DEPLOY]
    assert deployments.get("legal-qa").state is State.HEALTHY
    page = with_a_secret.get(PAGE).text
    assert "Renew secrets" in live(page, "pipeline")
    following = re.search(r'name="key" value="(\w+)"', live(page, "secrets"))
    assert following is not None
    with_a_secret.send(f"{PAGE}/renew", {"key": following[1]}, page=PAGE)
    assert len(deployments.runs("legal-qa")) == 3


def test_secrets_are_not_to_be_renewed_where_there_are_none(reader: Reader) -> None:
    deployed(reader)
    page = reader.get(PAGE).text
    assert 'id="secrets"' not in page
    assert "/renew" not in page


def test_secrets_are_not_to_be_renewed_while_a_run_is_under_way(with_a_secret: Reader) -> None:
    recorded(with_a_secret, RunKind.ROLLBACK, State.ROLLING_OUT)
    page = with_a_secret.get(PAGE).text
    assert "SHARED" in live(page, "secrets")
    assert "/renew" not in page
    refused = with_a_secret.send(f"{PAGE}/renew", {"key": "k"}, page=PAGE)
    assert refused.status_code == 409
    assert "in the middle of another run" in refused.text


def recorded(
    reader: Reader, kind: RunKind, state: State, run_state: RunState = RunState.RUNNING
) -> None:
    """Have another replica begin something with it, and be as far with it as said."""
    deployments = reader.stage.platform.deployments
    known = deployments.get("legal-qa")
    run = Run("theirs", known.id, known.name, kind, known.changed_at, state=run_state)
    deployments.begin(run, replace(known, state=state))


@pytest.mark.parametrize(
    ("kind", "state", "run_state"),
    [
        (RunKind.UNKNOWN, State.ROLLING_OUT, RunState.RUNNING),
        (RunKind.UNKNOWN, State.UNKNOWN, RunState.QUEUED),
        (RunKind.DEPLOY, State.UNKNOWN, RunState.SUCCEEDED),
    ],
)
def test_what_only_a_newer_version_knows_is_shown_and_nothing_is_offered(
    with_a_secret: Reader, kind: RunKind, state: State, run_state: RunState
) -> None:
    recorded(with_a_secret, kind, state, run_state)
    deployments = with_a_secret.stage.platform.deployments
    run = deployments.runs("legal-qa")[0]
    message = "something new has begun"
    deployments.append(Event("legal-qa", EventKind.UNKNOWN, run.created_at, message, run=run.id))
    page = with_a_secret.get(PAGE).text
    assert "A newer version of the service looks after it" in page
    assert message in live(page, "events")
    for action in ("cancel", "retry", "renew", "remove", "upgrade", "remake"):
        assert f'"{PAGE}/{action}"' not in page, action
    for address in ("/deployments", f"/deployments?state={state}", "/map"):
        assert f'href="{PAGE}"' in with_a_secret.get(address).text, address
    before = deployments.events("legal-qa"), deployments.get("legal-qa")
    watch.observe(with_a_secret.stage.platform)
    assert runs.proceed(with_a_secret.stage.platform, run.id, 1) is None
    assert (deployments.events("legal-qa"), deployments.get("legal-qa")) == before
    assert deployments.run("theirs") == run


def test_a_past_run_that_only_a_newer_version_knows_is_no_hindrance(with_a_secret: Reader) -> None:
    recorded(with_a_secret, RunKind.UNKNOWN, State.HEALTHY, RunState.FAILED)
    page = with_a_secret.get(PAGE).text
    assert "A change by a newer version of the service" in live(page, "pipeline")
    assert f'"{PAGE}/retry"' not in page
    assert f'"{PAGE}/renew"' in page


def test_a_run_under_way_is_never_called_done_and_can_be_cancelled() -> None:
    reader = a_reader(a_stage(carried_out=False))
    run = deployed(reader)
    runs.proceed(reader.stage.platform, run.id, run.attempt)
    page = reader.get(PAGE).text
    assert page.count('class="step step-done"') == 1
    assert page.count('class="step step-active"') == 1
    assert '<noscript><meta http-equiv="refresh"' in page
    reader.send(f"{PAGE}/cancel", {}, page=PAGE)
    runs.proceed(reader.stage.platform, run.id, run.attempt)
    page = reader.get(PAGE).text
    assert 'class="step step-active"' not in page
    assert page.count('class="step step-cancelled"') == 1


def test_steps_are_what_the_ledger_says_after_each_move() -> None:
    stage = a_stage(carried_out=False)
    reader = a_reader(stage)
    run = deployed(reader)
    done = 0
    while runs.proceed(stage.platform, run.id, 1) is not None:
        lines = steps_of(
            stage.platform.deployments.run(run.id), stage.platform.deployments.ledger(run.id)
        )
        states = [line.state for line in lines]
        assert states == sorted(states, key=["done", "active", "waiting"].index)
        assert states.count("done") >= done
        done = states.count("done")
        assert states.count("active") <= 1


def test_the_engines_silence_is_said_and_the_record_is_still_shown(
    reader: Reader, monkeypatch: pytest.MonkeyPatch
) -> None:
    deployed(reader)

    def silent(*_: object) -> None:
        raise EngineUnavailableError("connection refused")

    monkeypatch.setattr(type(reader.stage.platform.engine), "status", silent)
    page = reader.get(PAGE).text
    assert "How it is now cannot be asked" in page
    assert "connection refused" in page


@pytest.mark.parametrize(
    ("address", "linked"),
    [("https://argocd.example.org/applications/x", True), ("javascript:alert(1)", False)],
)
def test_the_engines_own_page_is_a_link_where_it_has_one(
    reader: Reader, monkeypatch: pytest.MonkeyPatch, address: str, *, linked: bool
) -> None:
    deployed(reader)
    engine = reader.stage.platform.engine
    known = replace(engine.status("legal-qa"), page=address)
    monkeypatch.setattr(type(engine), "status", lambda *_: known)
    page = reader.get(PAGE).text
    assert (f'href="{address}"' in page) is linked
    assert ("Open there" in page) is linked


def test_history_shows_what_changed_and_goes_back_after_showing_the_way(reader: Reader) -> None:
    deployed(reader)
    first = reader.stage.platform.deployments.get("legal-qa").commit
    second = push(reader.stage.shelf, "legal-qa", "goodbye")
    watch.observe(reader.stage.platform)
    changed = reader.get(f"{PAGE}/history/{second}").text
    assert "+goodbye" in changed
    assert "hi from legal-qa" in changed
    back = f"{PAGE}/history/{first}?back=true"
    assert "hi from legal-qa" in reader.get(back).text
    answer = reader.send(f"{PAGE}/rollback", {"to": first, "key": "k"}, page=back)
    assert answer.headers["location"] == PAGE
    again = reader.send(f"{PAGE}/rollback", {"to": first, "key": "k"}, page=back)
    assert again.status_code == 303
    kinds = [run.kind for run in reader.stage.platform.deployments.runs("legal-qa")]
    assert kinds == [RunKind.ROLLBACK, RunKind.DEPLOY]


def test_removal_shows_its_plan_and_what_it_left(reader: Reader) -> None:
    deployed(reader)
    plan = reader.get(f"{PAGE}/remove").text
    assert "Nothing has been done yet" in plan
    assert reader.stage.platform.deployments.get("legal-qa").state is State.HEALTHY
    reader.send(f"{PAGE}/remove", {"key": "k", "repository": ""}, page=f"{PAGE}/remove")
    answer = reader.get(PAGE)
    assert answer.status_code == 410
    assert "the repository thinkube-deployments/legal-qa" in answer.text
    assert reader.get("/deployments/never-was").status_code == 404


def test_nothing_is_changed_by_looking(reader: Reader) -> None:
    deployed(reader)
    for action in ("retry", "cancel", "rollback", "renew"):
        assert reader.get(f"{PAGE}/{action}").status_code == 405
    for action in ("retry", "cancel", "rollback", "renew", "remove"):
        assert reader.client.post(f"{PAGE}/{action}", data={"csrf": "x"}).status_code == 403
    assert len(reader.stage.platform.deployments.runs("legal-qa")) == 1


def test_the_list_narrows_and_says_what_is_out_of_date(reader: Reader) -> None:
    for name in ("one", "two"):
        deployed(reader, name)
    platform = reader.stage.platform
    old = platform.deployments.get("two")
    platform.deployments.save(
        replace(old, release=replace(old.release, version="v0.9.0"), state=State.DEGRADED)
    )
    reader.get("/templates/tkt-chat")  # so that the newest version is known
    assert "v1.0.0 is out" in reader.get("/deployments").text
    for query in ("outdated=1", "state=degraded", "version=v0.9.0", "q=tw+chat"):
        page = reader.get(f"/deployments?{query}").text
        assert 'href="/deployments/two"' in page, query
        assert 'href="/deployments/one"' not in page, query
    assert "Nothing fits these filters" in reader.get("/deployments?template=none").text


def test_several_are_removed_after_their_plan_is_shown_each_with_its_own_outcome(
    reader: Reader,
) -> None:
    for name in ("one", "two", "three"):
        deployed(reader, name)
    chosen: dict[str, str | list[str]] = {"name": ["one", "two", "gone"], "action": "remove"}
    plan = reader.send("/deployments", chosen)
    assert plan.text.count("Application: goes") == 2
    assert "there is no deployment" in plan.text
    done = reader.send("/deployments", {**chosen, "confirmed": "true", "key": "k"})
    assert done.text.count("under way") == 2
    assert [each.name for each in reader.stage.platform.deployments.page()] == ["three"]


def test_what_an_application_says_is_text_and_never_html(reader: Reader) -> None:
    payload = "<script>alert(1)</script><img src=x onerror=alert(1)>"
    deployed(reader, greeting=payload)
    platform = reader.stage.platform
    known = platform.deployments.get("legal-qa")
    hostile = replace(known, url="javascript:alert(1)", clone_url="javascript:alert(2)")
    platform.deployments.save(hostile)
    push(reader.stage.shelf, "legal-qa", payload)
    commit = platform.engine.status("legal-qa").wanted
    addresses = ("/deployments", PAGE, f"{PAGE}/history/{commit}", f"{PAGE}/remove", "/map")
    for address in addresses:
        page = reader.get(address).text
        assert "<script>alert" not in page, address
        assert "<img src=x" not in page, address
        assert 'href="javascript' not in page, address


def test_events_are_shown_each_once_newest_first(reader: Reader) -> None:
    run = deployed(reader)
    page = reader.get(PAGE).text
    ledger = reader.stage.platform.deployments.events("legal-qa")
    assert live(page, "events").count('<li class="event ') == len(ledger)
    assert f'data-cursor="{ledger[-1].cursor}"' in page
    assert ledger[-1].kind is EventKind.RUN_SUCCEEDED
    assert reader.stage.platform.deployments.run(run.id).state is RunState.SUCCEEDED
