"""The commands on a platform in memory: what they print, and the codes they end with."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from tests.builders import A_MOMENT
from tests.edges.cli import CommandLine
from tests.edges.platform import Scene, Unreachable, a_scene, without
from thinkube_catalog.domain.checks import Check
from thinkube_catalog.domain.deployments import Event, EventKind
from thinkube_catalog.domain.forge import Signature
from thinkube_catalog.domain.rendering import File
from thinkube_catalog.operations import watch
from thinkube_catalog.operations.rollout import repository_of

CANARY = "canary-9b0e41"
_CHANGING = re.compile(r"[0-9a-f]{12,40}|\d\d\d\d-\d\d-\d\d \d\d:\d\d:\d\d|\d+\.\d\d s")


@pytest.fixture
def tkt(scene: Scene) -> CommandLine:
    return CommandLine(scene)


@pytest.fixture
def deployed(tkt: CommandLine) -> CommandLine:
    assert tkt.run("deploy", "tkt-chat", "chat").exit_code == 0
    return tkt


def said(tkt: CommandLine, *arguments: str, code: int = 0, typed: str = "") -> str:
    """Return what a command prints, with what changes from time to time blotted out."""
    result = tkt.run(*arguments, typed=typed)
    assert result.exit_code == code, result.output
    return _CHANGING.sub("#", result.stdout)


def fields_of(value: Any) -> Any:
    """Return a document's shape: its field names, all the way down."""
    if isinstance(value, dict):
        return {name: fields_of(each) for name, each in value.items()}
    if isinstance(value, list):
        return [fields_of(each) for each in value]
    return type(value).__name__


def test_list_prints_one_line_for_each_template(tkt: CommandLine) -> None:
    assert said(tkt, "list") == (
        "NAME         CATEGORY  WHAT IT IS\n"
        "tkt-broken   odd       Does what tkt-broken does\n"
        "tkt-chat     agents    Does what tkt-chat does\n"
        "tkt-guarded  agents    Does what tkt-guarded does\n"
        "\nMore about one: tkt show NAME\n"
    )


def test_list_finds_by_words_tags_and_category(tkt: CommandLine) -> None:
    assert "tkt-chat" not in said(tkt, "list", "guardde")
    assert "tkt-chat" not in said(tkt, "list", "--tag", "gated")
    assert "tkt-broken" in said(tkt, "list", "--category", "odd")
    assert said(tkt, "list", "zzzz").startswith("No template matches.")


def test_show_prints_what_a_template_is_asks_and_needs(tkt: CommandLine) -> None:
    assert said(tkt, "show", "tkt-guarded") == (
        "The tkt-guarded  tkt-guarded v1.1.0\n"
        "Does what tkt-guarded does\n"
        "chat · gated\n"
        "\nRuns\n"
        "  app: size small, port 8000, no GPU\n"
        "\nSecrets\n"
        "  HF_TOKEN: A token\n"
        "\nQuestions\n"
        "  NAME          TYPE  DEFAULT  WHAT IT ASKS\n"
        "  project_name  str            Name of the project, and of its deployment\n"
        "  greeting      str   Hello    What to say first\n"
        "\nUse it\n"
        "  copier copy -x .git --vcs-ref v1.1.0 "
        "memory://thinkube-templates/tkt-guarded.git my-app\n"
        "  tkt deploy tkt-guarded my-app\n"
    )


def test_an_unknown_template_names_near_ones_and_ends_with_3(tkt: CommandLine) -> None:
    result = tkt.run("show", "tkt-chta")
    assert result.exit_code == 3
    assert "did you mean tkt-chat?" in result.stderr
    assert result.stdout == ""


def test_render_writes_the_project_and_never_replaces_unasked(
    tkt: CommandLine, tmp_path: Path
) -> None:
    folder = tmp_path / "out"
    given = ("render", "tkt-chat", str(folder), "-d", "project_name=chat", "-d", "greeting=Hi")
    assert said(tkt, *given) == f"2 files written to {folder}\n"
    assert (folder / "greeting.txt").read_text() == "Hi\n"
    assert said(tkt, *given).endswith(f"0 files written to {folder}, 2 were there already\n")
    (folder / "greeting.txt").write_text("mine")
    refused = tkt.run(*given)
    assert refused.exit_code == 4
    assert "greeting.txt" in refused.stderr
    assert (folder / "greeting.txt").read_text() == "mine"
    assert said(tkt, *given, "--overwrite").startswith("1 files")
    assert "k8s/kustomization.yaml" in tkt.json(*given, "--kubernetes", "--overwrite")["files"]


def test_render_lists_every_wrong_answer_at_once(tkt: CommandLine, tmp_path: Path) -> None:
    result = tkt.run(
        "render", "tkt-chat", str(tmp_path / "x"), "-d", "tone=loud", "-d", "count=many"
    )
    assert result.exit_code == 2
    for name in ("project_name", "tone", "count"):
        assert name in result.stderr
    assert not (tmp_path / "x").exists()


def test_answers_may_come_from_a_file_and_the_command_line_beats_it(
    tkt: CommandLine, tmp_path: Path
) -> None:
    file = tmp_path / "answers.yml"
    file.write_text("_src_path: x\ngreeting: from the file\nproject_name: chat\n")
    folder = tmp_path / "out"
    command = ("render", "tkt-chat", str(folder), "--data-file", str(file))
    said(tkt, *command)
    assert (folder / "greeting.txt").read_text() == "from the file\n"
    said(tkt, *command, "--overwrite", "-d", "greeting=mine")
    assert (folder / "greeting.txt").read_text() == "mine\n"


def test_arguments_that_are_no_answers_are_all_named(tkt: CommandLine, tmp_path: Path) -> None:
    file = tmp_path / "answers.yml"
    file.write_text("- just\n- a list\n")
    result = tkt.run(
        *("render", "tkt-chat", "x", "-d", "greeting", "-d", "=x", "--data-file", str(file))
    )
    assert result.exit_code == 2
    assert result.stderr.count("•") == 3


def test_deploy_prints_every_step_and_where_the_application_is(tkt: CommandLine) -> None:
    assert said(tkt, "deploy", "tkt-chat", "chat", "--wait") == (
        "✓ check      nothing is missing #\n"
        f"✓ render     {_steps(tkt, 'render')} #\n"
        f"✓ publish    {_steps(tkt, 'publish')} #\n"
        f"✓ register   {_steps(tkt, 'register')} #\n"
        f"✓ sync       {_steps(tkt, 'sync')} #\n"
        f"✓ healthy    {_steps(tkt, 'healthy')} #\n"
        "chat is healthy\n"
        "  address    http://chat.localhost\n"
        "  repository memory://thinkube-deployments/chat.git\n"
        "  template   tkt-chat v1.1.0\n"
        "  commit     #\n"
    )


def _steps(tkt: CommandLine, step: str) -> str:
    """Return what a step of the deployment said at its end."""
    events = tkt.get("/deployments/chat/events")["items"]
    ended = (e["message"] for e in events if (e["step"], e["kind"]) == (step, "step succeeded"))
    return _CHANGING.sub("#", next(ended))


def test_deploy_without_waiting_says_how_to_follow(tkt: CommandLine) -> None:
    assert said(tkt, "deploy", "tkt-chat", "chat") == (
        "chat: deploy has started.\nFollow it: tkt status chat --follow\n"
    )


def test_a_failed_deployment_ends_with_1_and_says_why(tkt: CommandLine) -> None:
    tkt.scene.break_next_versions("exit code 137")
    text = said(tkt, "deploy", "tkt-chat", "chat", "--wait", code=1)
    assert "✗ healthy" in text
    assert "Failed.\nchat is failed\n  • crash loop (app): exit code 137\n      boom\n" in text
    assert "→ mend it" in text
    assert "chat is failed" in said(tkt, "status", "chat", code=1)
    tkt.scene.mend_versions()
    assert "chat is healthy" in said(tkt, "retry", "chat")


def test_deploy_lists_everything_that_is_wrong(tkt: CommandLine) -> None:
    result = tkt.run("deploy", "tkt-guarded", "Not Good", "-d", "greeting=x")
    assert result.exit_code == 2
    assert "HF_TOKEN" in result.stderr
    assert "tkt secret set HF_TOKEN" in result.stderr
    assert "Not Good" in result.stderr


def test_a_name_in_use_ends_with_4(deployed: CommandLine) -> None:
    result = deployed.run("deploy", "tkt-chat", "chat")
    assert result.exit_code == 4
    assert "tkt remove chat" in result.stderr


def test_a_secret_is_taken_from_the_environment_or_the_store(tkt: CommandLine) -> None:
    command = ("deploy", "tkt-guarded", "one", "--secret", "HF_TOKEN")
    missing = tkt.run(*command)
    assert missing.exit_code == 2
    assert "tkt secret set HF_TOKEN" in missing.stderr
    given = tkt.run(*command, HF_TOKEN=CANARY)
    assert given.exit_code == 0
    assert CANARY not in given.output
    assert tkt.scene.secrets.get("one/HF_TOKEN").reveal() == CANARY
    tkt.run("secret", "set", "HF_TOKEN", typed="stored\n")
    assert tkt.run("deploy", "tkt-guarded", "two", "--secret", "HF_TOKEN").exit_code == 0
    assert tkt.get("/deployments/two")["secrets"] == {"HF_TOKEN": "HF_TOKEN"}


def test_a_secret_is_given_by_the_key_that_it_is_stored_under(tkt: CommandLine) -> None:
    tkt.run("secret", "set", "OTHER", typed="stored\n")
    assert tkt.run("deploy", "tkt-guarded", "one", "--secret", "HF_TOKEN=OTHER").exit_code == 0
    assert tkt.get("/deployments/one")["secrets"] == {"HF_TOKEN": "OTHER"}
    unknown = tkt.run("deploy", "tkt-guarded", "two", "--secret", "HF_TOKEN=NONE")
    assert "there is no secret stored under NONE" in unknown.stderr


def test_secrets_are_stored_listed_and_removed_without_showing(tkt: CommandLine) -> None:
    assert said(tkt, "secret", "set", "HF_TOKEN", typed=f"{CANARY}\n") == "HF_TOKEN is stored.\n"
    assert tkt.scene.secrets.get("HF_TOKEN").reveal() == CANARY
    assert said(tkt, "secret", "list") == "NAME      CHANGED\nHF_TOKEN  #\n"
    assert said(tkt, "secret", "remove", "HF_TOKEN") == "HF_TOKEN is removed.\n"
    assert said(tkt, "secret", "list") == "No secret is stored.\n"
    assert tkt.run("secret", "set", "HF_TOKEN", typed="").exit_code == 2
    assert tkt.run("secret", "set", "not-a-name", typed="x").exit_code == 2


def test_ps_lists_all_of_many_deployments(tkt: CommandLine) -> None:
    assert said(tkt, "ps") == "Nothing is deployed. Find a template: tkt list\n"
    for number in range(3):
        tkt.run("deploy", "tkt-chat", f"chat-{number}")
    assert said(tkt, "ps").splitlines()[:2] == [
        "NAME    STATE    TEMPLATE  VERSION  ADDRESS",
        "chat-0  healthy  tkt-chat  v1.1.0   http://chat-0.localhost",
    ]


def test_status_ends_with_0_only_when_healthy(deployed: CommandLine) -> None:
    assert said(deployed, "status", "chat").startswith("chat is healthy\n")
    assert said(deployed, "status", "none", code=3) == ""


def test_status_says_what_was_seen_last_while_the_engine_does_not_answer(
    deployed: CommandLine, scene: Scene
) -> None:
    with without(scene.platform, engine=Unreachable()):
        lines = said(deployed, "status", "chat", code=5).splitlines()
    assert lines[0] == "chat is healthy"
    assert lines[1] == "  • seen last; nothing newer is known: nobody answers"
    assert lines[2].split() == ["address", "http://chat.localhost"]


def test_status_says_what_serves_while_a_version_is_rolled_out(
    deployed: CommandLine, scene: Scene
) -> None:
    platform = scene.platform
    first = platform.deployments.get("chat").commit
    repository = repository_of(platform, "chat")
    scene.engine.looks = 10
    files = platform.forge.files(repository, first).with_files({"more.txt": File(b"more")})
    signature = Signature("A person", "person@example.org", A_MOMENT)
    platform.forge.publish(repository, files, "More", signature)
    watch.observe(platform)
    result = deployed.run("status", "chat")
    assert result.exit_code == 1
    assert "chat is rolling-out" in result.stdout
    assert f"serving    {first[:12]}, meanwhile" in result.stdout
    assert "rolling-out" in said(deployed, "ps")


def test_logs_history_and_open_print_what_there_is(deployed: CommandLine) -> None:
    assert said(deployed, "logs", "chat").startswith("# app started at ")
    assert said(deployed, "open", "chat") == "http://chat.localhost\n"
    lines = said(deployed, "history", "chat").splitlines()
    assert lines[0].split() == ["COMMIT", "WHEN", "KIND", "HEALTHY", "SERVING", "MESSAGE"]
    assert " ".join(lines[1].split()).startswith("# # deploy yes yes ")


def test_secrets_are_renewed_and_followed_until_it_is_healthy(deployed: CommandLine) -> None:
    assert "✓ healthy    healthy at" in said(deployed, "renew", "chat")
    assert deployed.run("renew", "none").exit_code == 3


def test_a_rollback_needs_something_to_go_back_to(deployed: CommandLine) -> None:
    assert deployed.run("rollback", "chat").exit_code == 4
    assert deployed.run("rollback", "chat", "--to", "c0ffee").exit_code == 3


def test_removal_shows_its_plan_and_asks_nobody_who_is_not_there(deployed: CommandLine) -> None:
    plan = said(deployed, "remove", "chat", "--plan")
    assert "remove application chat" in plan
    assert "keep   repository  thinkube-deployments/chat" in plan
    refused = deployed.run("remove", "chat")
    assert refused.exit_code == 2
    assert "--yes" in refused.stderr
    assert said(deployed, "remove", "chat", "--yes").endswith("chat is removed.\n")
    assert deployed.run("status", "chat").exit_code == 3


def test_cancel_asks_the_run_to_end(tmp_path: Path) -> None:
    tkt = CommandLine(a_scene(tmp_path, carried_out=False))
    tkt.run("deploy", "tkt-chat", "chat")
    assert said(tkt, "cancel", "chat") == "It ends after the current step.\n"
    assert tkt.get("/deployments/chat")["run"]["state"] == "queued"


def test_doctor_ends_with_1_when_something_is_to_mend(tkt: CommandLine) -> None:
    assert said(tkt, "doctor") == "✓ git 2.39\n"
    tkt.checks = [Check("git", good=False, message="not found", mend="install git")]
    assert said(tkt, "doctor", code=1) == "✗ git not found\n  → install git\n"
    assert tkt.json("doctor", code=1)["items"][0]["good"] is False


def test_stop_says_whether_there_was_one(tkt: CommandLine) -> None:
    assert said(tkt, "stop") == "Stopped; applications keep running.\n"
    tkt.stopped = False
    assert said(tkt, "stop") == "None was running.\n"
    assert tkt.json("stop") == {"stopped": False}


@pytest.mark.parametrize(
    ("part", "command"), [("sources", "show tkt-chat"), ("engine", "logs chat")]
)
def test_what_does_not_answer_ends_with_5(deployed: CommandLine, part: str, command: str) -> None:
    with without(deployed.scene.platform, **{part: Unreachable()}):
        result = deployed.run(*command.split())
    assert (result.exit_code, "nobody answers" in result.stderr) == (5, True)


def test_a_template_at_fault_ends_with_1(tkt: CommandLine, tmp_path: Path) -> None:
    result = tkt.run("render", "tkt-broken", str(tmp_path / "x"), "-d", "project_name=a")
    assert result.exit_code == 1
    assert "the template divides by zero" in result.stderr


@pytest.mark.parametrize(
    ("command", "path"),
    [
        ("list", "/templates?limit=200"),
        ("list guarded", "/templates?q=guarded&limit=200"),
        ("ps", "/deployments"),
        ("status chat", "/deployments/chat"),
        ("history chat", "/deployments/chat/history"),
        ("remove chat --plan", "/deployments/chat/removal-plan"),
        ("secret list", "/secrets"),
    ],
)
def test_json_is_the_api_s_document(deployed: CommandLine, command: str, path: str) -> None:
    assert deployed.json(*command.split()) == deployed.get(path)


def test_show_as_json_is_the_api_s_template_and_form(tkt: CommandLine) -> None:
    shown = tkt.json("show", "tkt-guarded")
    with tkt.scene.client() as client:
        form = client.post("/api/v1/templates/tkt-guarded/form", json={}).json()
    assert shown == {"template": tkt.get("/templates/tkt-guarded"), "form": form}


@pytest.mark.parametrize(
    ("command", "like"),
    [
        ("deploy tkt-chat other", "/runs/{id}"),
        ("deploy tkt-chat other --wait", "/deployments/other"),
        ("remove chat --yes --no-wait", "/runs/{id}"),
    ],
)
def test_what_changes_something_prints_the_api_s_document(
    deployed: CommandLine, command: str, like: str
) -> None:
    printed = deployed.json(*command.split())
    again = deployed.get(like.format(id=printed["id"]))
    assert fields_of(printed).keys() == fields_of(again).keys()
    assert printed["id"] == again["id"]


def test_logs_and_events_as_json_are_a_document_on_each_line(deployed: CommandLine) -> None:
    line = deployed.json("logs", "chat")
    assert line == deployed.get("/deployments/chat/logs")["items"][0]


@pytest.mark.parametrize(
    ("command", "code"),
    [
        ("show none", 3),
        ("status none", 3),
        ("deploy tkt-guarded Bad!", 2),
        ("deploy tkt-chat chat", 4),
        ("render tkt-chat x -d tone=loud", 2),
    ],
)
def test_an_error_as_json_is_named_as_the_api_names_it(
    deployed: CommandLine, command: str, code: int
) -> None:
    document = deployed.json(*command.split(), code=code)
    assert set(document) == {"detail", "errors"}
    for each in document["errors"]:
        assert set(each) == {"message", "file", "line", "field", "mend"}


def test_progress_that_differs_only_in_numbers_is_said_once(tmp_path: Path) -> None:
    tkt = CommandLine(a_scene(tmp_path, carried_out=False))
    tkt.run("deploy", "tkt-chat", "chat")
    deployments, now = tkt.scene.platform.deployments, tkt.scene.platform.now()
    run = tkt.get("/deployments/chat")["run"]["id"]
    for message in (
        "not ready after 1 s",
        "not ready after 2.5 s",
        "loading 10 %",
        "ready after 9 s",
    ):
        progress = Event("chat", EventKind.STEP_PROGRESS, now, message, run=run, step="healthy")
        deployments.append(progress)
    deployments.append(Event("chat", EventKind.RUN_FAILED, now, run=run))
    lines = said(tkt, "status", "chat", "--follow", code=1).splitlines()
    assert lines[:4] == [
        "  healthy    not ready after 1 s",
        "  healthy    loading 10 %",
        "  healthy    ready after 9 s",
        "Failed.",
    ]


def test_into_a_pipe_nothing_but_plain_text_is_written(deployed: CommandLine) -> None:
    for command in ("list", "show tkt-chat", "ps", "status chat", "history chat", "logs chat"):
        result = deployed.run(*command.split())
        assert "\x1b" not in result.output
        assert "\r" not in result.output


def test_commands_of_the_catalog_start_no_service(tkt: CommandLine, tmp_path: Path) -> None:
    for command in ("list", "show tkt-chat", f"render tkt-chat {tmp_path}/x -d project_name=a"):
        tkt.run(*command.split())
    assert tkt.started == []
    tkt.run("ps", "--server", "http://127.0.0.1:1")
    assert tkt.started == ["http://127.0.0.1:1"]
    tkt.run("ps", THINKUBE_SERVER="http://127.0.0.1:2")
    assert tkt.started[-1] == "http://127.0.0.1:2"


@pytest.mark.parametrize(
    ("words", "offered"),
    [
        ("tkt show tkt-", "tkt-broken tkt-chat tkt-guarded"),
        ("tkt deploy tkt-g", "tkt-guarded"),
        ("tkt status c", "chat"),
        ("tkt status x", ""),
        ("tkt sta", "status"),
    ],
)
def test_the_shell_completes_commands_templates_and_deployments(
    deployed: CommandLine, words: str, offered: str
) -> None:
    result = deployed.run(
        _TKT_COMPLETE="complete_bash", COMP_WORDS=words, COMP_CWORD=str(words.count(" "))
    )
    assert sorted(result.stdout.split()) == offered.split()


def test_hostile_text_is_printed_as_text(tkt: CommandLine) -> None:
    result = tkt.run("show", "[red]x[/red]\x1b[31m")
    assert result.exit_code == 3
    assert "[red]x[/red]" in result.stderr
    assert "\x1b" not in result.stderr
