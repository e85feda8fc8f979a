"""The main journey on the embedded platform, with the real program, from deploy to remove."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.journeys.installation import Installation, ask, wait_until

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]


@pytest.fixture
def installation(tmp_path: Path) -> Iterator[Installation]:
    made = Installation(tmp_path)
    yield made
    made.stop()


@pytest.fixture
def hello(installation: Installation) -> Installation:
    """An installation on which `hello` runs."""
    done = installation.tkt("deploy", "tkt-hello", "hello", "-d", "greeting=hi", "-l", "--wait")
    assert done.returncode == 0, done.stdout + done.stderr
    return installation


def test_deploying_starts_the_service_and_ends_when_the_application_is_healthy(
    installation: Installation,
) -> None:
    done = installation.tkt("deploy", "tkt-hello", "hello", "-d", "greeting=hi", "-l", "--wait")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "starting the service of this machine in the background" in done.stderr
    deployment = installation.deployment("hello")
    assert deployment["state"] == "healthy"
    assert deployment["url"] in done.stdout
    assert deployment["clone_url"] in done.stdout
    assert ask(deployment["url"]) | {"pid": 0} == {
        "version": 1,
        "greeting": "hi",
        "token": False,
        "pid": 0,
    }


def test_a_push_is_rolled_out(hello: Installation) -> None:
    folder = hello.clone("hello")
    app = folder / "app.py"
    app.write_text(app.read_text().replace("VERSION = 1", "VERSION = 2"))
    commit = hello.push(folder, "Second version")
    url = hello.deployment("hello")["url"]
    wait_until(lambda: ask(url)["version"] == 2, "version 2 serves")
    wait_until(lambda: hello.deployment("hello")["healthy_commit"] == commit, "it is recorded")


def test_a_broken_push_leaves_the_last_healthy_version_serving_and_says_why(
    hello: Installation,
) -> None:
    folder = hello.clone("hello")
    (folder / "app.py").write_text("raise SystemExit('no luck today')\n")
    hello.push(folder, "Break it")
    wait_until(lambda: hello.deployment("hello")["state"] == "degraded", "it is degraded")
    told = hello.tkt("status", "hello")
    assert told.returncode == 1
    assert "no luck today" in told.stdout
    assert ask(hello.deployment("hello")["url"])["version"] == 1

    rolled = hello.tkt("rollback", "hello")
    assert rolled.returncode == 0, rolled.stdout + rolled.stderr
    assert hello.deployment("hello")["state"] == "healthy"
    kinds = [revision["kind"] for revision in hello.json("history", "hello")["items"]]
    assert kinds == ["rollback", "push", "deploy"]


def test_an_application_outlives_a_killed_service_and_is_found_again(
    hello: Installation,
) -> None:
    url = hello.deployment("hello")["url"]
    before = ask(url)["pid"]
    hello.kill_service()
    assert ask(url)["pid"] == before
    assert hello.deployment("hello")["state"] == "healthy"  # starts the service again
    assert ask(url)["pid"] == before


def test_a_secret_reaches_the_application_and_no_file(installation: Installation) -> None:
    installation.extra["HELLO_TOKEN"] = "canary-4711"
    done = installation.tkt(
        "deploy", "tkt-hello", "hello", "-l", "--wait", "--secret", "HELLO_TOKEN"
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert ask(installation.deployment("hello")["url"])["token"] is True
    holders = [
        str(path)
        for path in installation.root.rglob("*")
        if path.is_file() and b"canary-4711" in path.read_bytes()
    ]
    assert holders == []


def test_removal_shows_its_plan_and_leaves_what_was_not_chosen(hello: Installation) -> None:
    deployment = hello.deployment("hello")
    plan = hello.tkt("remove", "hello", "--plan")
    assert "keep" in plan.stdout
    assert "thinkube-deployments/hello" in plan.stdout
    assert hello.tkt("remove", "hello").returncode == 2  # nobody is there to confirm
    removed = hello.tkt("remove", "hello", "--yes")
    assert removed.returncode == 0, removed.stdout + removed.stderr
    assert hello.json("ps")["items"] == []
    assert Path(deployment["clone_url"]).is_dir()
    with pytest.raises(Exception, match=r"refused|disconnected|404|503"):
        ask(deployment["url"])


def test_logs_and_history_are_there(hello: Installation) -> None:
    assert "hello, version 1" in hello.tkt("logs", "hello").stdout
    assert [each["healthy"] for each in hello.json("history", "hello")["items"]] == [True]


def test_the_same_bytes_as_plain_copier(installation: Installation) -> None:
    ours, theirs = installation.root / "ours", installation.root / "theirs"
    done = installation.tkt("render", "tkt-hello", str(ours), "-d", "project_name=hello", "-l")
    assert done.returncode == 0, done.stdout + done.stderr
    command = installation.json("show", "tkt-hello")["template"]["commands"][0].split()
    location = next(part for part in command if part.endswith(".git") and "/" in part)
    installation.copier(location, theirs, {"project_name": "hello"})
    assert _files(ours) == _files(theirs)


def _files(folder: Path) -> dict[str, tuple[int, bytes]]:
    return {
        str(path.relative_to(folder)): (path.stat().st_mode, path.read_bytes())
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }
