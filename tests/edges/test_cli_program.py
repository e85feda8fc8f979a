"""`tkt` as a program of its own: in a pipe, at a terminal, and with a service of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.edges.asgi import served
from tests.edges.platform import Scene, a_scene
from tests.edges.releases import NAME, a_scene_of_releases, main, push_to, record
from tests.edges.terminal import Terminal
from thinkube_catalog.api.guard import Access
from thinkube_catalog.operations import upgrade

TKT = [sys.executable, "-m", "thinkube_catalog.main"]
TOKEN = "canary-of-the-program"


def environment(root: Path, **settings: str) -> dict[str, str]:
    kept = {name: text for name, text in os.environ.items() if not name.startswith("THINKUBE_")}
    given = {f"THINKUBE_{name.upper()}": text for name, text in settings.items()}
    return {**kept, "HOME": str(root), "THINKUBE_DATA_DIR": str(root / "data"), **given}


def tkt(
    arguments: str, env: Mapping[str, str], cwd: Path, typed: str = ""
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*TKT, *arguments.split()],
        env=dict(env),
        cwd=cwd,
        input=typed,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@dataclass
class Service:
    """A service on a platform in memory, and how commands find it."""

    scene: Scene
    root: Path
    env: dict[str, str]

    def tkt(self, arguments: str, typed: str = "") -> subprocess.CompletedProcess[str]:
        return tkt(arguments, self.env, self.root, typed)

    def terminal(self, arguments: str) -> Terminal:
        return Terminal([*TKT, *arguments.split()], self.env)


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Service]:
    scene = a_scene(tmp_path / "scene", access=Access(token=TOKEN), inline=False, looks=3)
    with served(scene.app) as address:
        settings = environment(tmp_path, server=address, api_token=TOKEN)
        yield Service(scene, tmp_path, settings)


def test_a_service_elsewhere_is_used_with_its_token(service: Service) -> None:
    done = service.tkt("deploy tkt-chat chat --wait --json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["state"] == "healthy"
    assert "\x1b" not in done.stdout + done.stderr
    assert not (service.root / "data").exists()  # nothing of this machine was needed

    del service.env["THINKUBE_API_TOKEN"]
    refused = service.tkt("ps")
    assert (refused.returncode, "token" in refused.stderr) == (6, True)


def test_a_service_that_is_not_there_ends_with_5(tmp_path: Path) -> None:
    done = tkt("ps --json", environment(tmp_path, server="http://127.0.0.1:9"), tmp_path)
    assert done.returncode == 5
    assert "does not answer" in json.loads(done.stdout)["detail"]


def test_settings_that_are_not_usable_are_all_told(tmp_path: Path) -> None:
    wrong = environment(tmp_path, port="many", colour="blue", routing="pigeon")
    for command in ("ps", "list", "serve", "doctor", "stop", "bootstrap"):
        done = tkt(command, wrong, tmp_path)
        assert done.returncode == 2, command
        assert done.stderr.count("•") == 3
        assert "Traceback" not in done.stderr


def test_bootstrap_without_anything_named_says_what_to_set(tmp_path: Path) -> None:
    done = tkt("bootstrap", environment(tmp_path), tmp_path)
    assert (done.returncode, "THINKUBE_GITEA_URL" in done.stderr) == (2, True)


def test_manifests_are_written_from_the_settings_alone(tmp_path: Path) -> None:
    addresses = {"gitea_url": "https://git.example.org", "argocd_url": "https://argo.example.org"}
    done = tkt("bootstrap --manifests there", environment(tmp_path, **addresses), tmp_path)
    assert done.returncode == 0, done.stderr
    assert (
        "https://git.example.org/thinkube-deployments/*"
        in (tmp_path / "there" / "project.yaml").read_text()
    )


def test_an_address_for_others_without_a_token_is_refused(tmp_path: Path) -> None:
    done = tkt("serve --host 0.0.0.0", environment(tmp_path), tmp_path)
    assert (done.returncode, "THINKUBE_API_TOKEN" in done.stderr) == (2, True)


def test_at_a_terminal_questions_are_asked_and_asked_again(service: Service) -> None:
    with service.terminal("deploy tkt-chat chat --wait -d greeting=Hi") as terminal:
        terminal.wait_for("2 Plain")
        terminal.wait_for("How to speak")
        terminal.type("7")
        terminal.wait_for("select one of the available options")
        terminal.type("2")
        terminal.wait_for("How many of them")
        terminal.type("many")
        terminal.wait_for("'many' is not a usable int")
        terminal.wait_for("How many of them")
        terminal.type("3")
        terminal.wait_for("chat is healthy")
        assert terminal.wait() == 0
    with service.scene.client(authorization=f"Bearer {TOKEN}") as client:
        answers = client.get("/api/v1/deployments/chat").json()["answers"]
    assert answers == {"project_name": "chat", "greeting": "Hi", "tone": "plain", "count": 3}


def test_nobody_is_asked_for_defaults_that_were_accepted(service: Service) -> None:
    with service.terminal("deploy tkt-chat chat --defaults") as terminal:
        terminal.wait_for("deploy has started")
        assert terminal.wait() == 0
        assert "How to speak" not in terminal.text


def test_a_missing_secret_is_asked_for_and_not_shown(service: Service) -> None:
    with service.terminal("deploy tkt-guarded one --defaults --secret HF_TOKEN") as terminal:
        terminal.wait_for("HF_TOKEN")
        terminal.wait_until_hidden()
        terminal.type("canary-typed")
        assert terminal.wait() == 0
        assert "canary" not in terminal.raw
    assert service.scene.secrets.get("one/HF_TOKEN").reveal() == "canary-typed"


def test_ctrl_c_stops_watching_and_leaves_the_run_alone(tmp_path: Path) -> None:
    scene = a_scene(tmp_path / "scene", carried_out=False)
    with served(scene.app) as address:
        env = environment(tmp_path, server=address)
        command = [*TKT, "deploy", "tkt-chat", "chat", "--defaults", "--wait"]
        with Terminal(command, env) as terminal:
            terminal.wait_for("waiting for the run to start")
            terminal.interrupt()
            terminal.wait_for("nothing that runs was stopped")
            assert terminal.wait() == 130
    (run,) = scene.platform.deployments.unfinished()
    assert not run.cancel_requested


def test_removal_asks_first_at_a_terminal(service: Service) -> None:
    service.tkt("deploy tkt-chat chat --wait")
    with service.terminal("remove chat") as terminal:
        terminal.wait_for("Remove chat?")
        terminal.type("n")
        assert terminal.wait() == 0
    assert service.tkt("status chat").returncode == 0
    with service.terminal("remove chat") as terminal:
        terminal.wait_for("Remove chat?")
        terminal.type("y")
        terminal.wait_for("chat is removed")
        assert terminal.wait() == 0


@pytest.fixture
def releases(tmp_path: Path) -> Iterator[Service]:
    """A deployment of the release before the newest, which asks something new."""
    scene = a_scene_of_releases(tmp_path / "scene")
    with served(scene.app) as address:
        yield Service(scene, tmp_path, environment(tmp_path, server=address))


def test_an_upgrade_asks_the_new_questions_at_a_terminal_and_no_others(releases: Service) -> None:
    with releases.terminal(f"upgrade {NAME} --apply") as terminal:
        terminal.wait_for("How to speak")
        terminal.type("plain")
        terminal.wait_for("tone = 'plain'")
        terminal.wait_for("is healthy")
        assert terminal.wait() == 0
        assert "What to say first" not in terminal.text
    now = record(releases.scene)
    assert now.release.version == "v1.1.0"
    assert dict(now.answers) == {"project_name": NAME, "greeting": "Good day", "tone": "plain"}
    assert main(releases.scene).text("tone.txt") == "plain\n"


def test_an_upgrade_takes_the_default_of_a_new_question_for_an_empty_line(
    releases: Service,
) -> None:
    with releases.terminal(f"upgrade {NAME} --dry-run") as terminal:
        terminal.wait_for("How to speak")
        terminal.type("")
        terminal.wait_for("tone = 'kind'")
        assert terminal.wait() == 0
    assert record(releases.scene).release.version == "v1.0.0"


@pytest.mark.parametrize("option", ["-d tone=plain", "--defaults"])
def test_an_upgrade_asks_nothing_that_is_answered(releases: Service, option: str) -> None:
    with releases.terminal(f"upgrade {NAME} --apply {option}") as terminal:
        terminal.wait_for("is healthy")
        assert terminal.wait() == 0
        assert "How to speak:" not in terminal.text
        assert "How to speak (" not in terminal.text
    assert record(releases.scene).answers["tone"] == ("plain" if "plain" in option else "kind")


def test_what_waits_on_a_branch_is_applied_as_it_is_and_asks_nothing(releases: Service) -> None:
    """Whoever has settled it by hand would be refused, were it asked for with answers."""
    assert releases.tkt(f"upgrade {NAME} -d tone=plain").returncode == 0
    (waiting,) = upgrade.proposals(releases.scene.platform, NAME)
    push_to(releases.scene, waiting, **{"notes.txt": "by hand\n"})
    with releases.terminal(f"upgrade {NAME} --apply") as terminal:
        terminal.wait_for("is healthy")
        assert terminal.wait() == 0
    assert record(releases.scene).answers["tone"] == "plain"
    assert main(releases.scene).text("notes.txt") == "by hand\n"


@pytest.mark.slow
def test_a_service_is_started_in_the_background_and_stopped(tmp_path: Path) -> None:
    env = environment(tmp_path)
    first = tkt("ps", env, tmp_path)
    try:
        assert first.returncode == 0, first.stderr
        assert "starting the service of this machine in the background" in first.stderr
        again = tkt("ps --json", env, tmp_path)
        assert (again.stderr, json.loads(again.stdout)["items"]) == ("", [])
        assert "runs at http://127.0.0.1:" in tkt("doctor", env, tmp_path).stdout
        second = tkt("serve --port 0", env, tmp_path)
        assert (second.returncode, "runs already" in second.stderr) == (4, True)
    finally:
        stopped = tkt("stop", env, tmp_path)
    assert stopped.stdout == "Stopped; applications keep running.\n"
    assert tkt("stop", env, tmp_path).stdout == "None was running.\n"


@pytest.mark.slow
def test_the_key_of_a_provider_goes_into_the_store_and_into_no_log(tmp_path: Path) -> None:
    provider = {"name": "g", "type": "llm", "url": "http://127.0.0.1:9/v1", "api_key": "canary-key"}
    env = environment(tmp_path, providers=json.dumps([provider]), log_level="debug")
    try:
        listed = tkt("secret list", env, tmp_path)
        assert "provider:g" in listed.stdout
    finally:
        tkt("stop", env, tmp_path)
    files = [path for path in (tmp_path / "data").rglob("*") if path.is_file()]
    assert any(path.name == "service.log" for path in files)
    assert [path for path in files if b"canary-key" in path.read_bytes()] == []
