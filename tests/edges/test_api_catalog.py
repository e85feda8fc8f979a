"""The catalog by API: finding, describing, asking and previewing."""

from __future__ import annotations

from pathlib import Path

import httpx
import pytest

from tests.edges.platform import CHAT, GREETING, Offered, a_scene
from thinkube_catalog.adapters.memory.renderer import MemoryTemplate
from thinkube_catalog.domain.questions import Question


def test_templates_are_listed_with_the_facets_of_everything(client: httpx.Client) -> None:
    page = client.get("/api/v1/templates", params={"limit": 1}).json()
    assert [each["name"] for each in page["items"]] == ["tkt-broken"]
    assert page["total"] == 3
    assert page["categories"] == [
        {"value": "agents", "label": "Agents", "count": 2},
        {"value": "odd", "label": "Odd ones", "count": 1},
    ]


@pytest.mark.parametrize("limit", [1, 2, 3, 200])
def test_pages_follow_each_other_to_the_end(client: httpx.Client, limit: int) -> None:
    names, after = [], ""
    while True:
        page = client.get("/api/v1/templates", params={"limit": limit, "after": after}).json()
        names += [each["name"] for each in page["items"]]
        after = page["next"]
        if not after:
            break
    assert names == ["tkt-broken", "tkt-chat", "tkt-guarded"]


def test_what_is_no_cursor_is_refused(client: httpx.Client) -> None:
    answer = client.get("/api/v1/templates", params={"after": "somewhere"})
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["field"] == "after"


def test_a_query_finds_in_spite_of_a_typo_and_says_where(client: httpx.Client) -> None:
    items = client.get("/api/v1/templates", params={"q": "guardde"}).json()["items"]
    assert [each["name"] for each in items] == ["tkt-guarded"]
    exact = client.get("/api/v1/templates", params={"q": "guarded"}).json()["items"]
    assert exact[0]["highlights"] == [[4, 11]]


def test_tags_and_category_narrow_the_list(client: httpx.Client) -> None:
    params: dict[str, str | list[str]] = {"tag": ["chat", "gated"], "category": "agents"}
    items = client.get("/api/v1/templates", params=params).json()["items"]
    assert [each["name"] for each in items] == ["tkt-guarded"]


def test_a_template_says_what_it_needs_and_how_to_use_it(client: httpx.Client) -> None:
    template = client.get("/api/v1/templates/tkt-guarded").json()
    assert template["secrets"] == [{"name": "HF_TOKEN", "description": "A token", "required": True}]
    assert [each["name"] for each in template["containers"]] == ["app"]
    assert template["release"]["version"] == "v1.1.0"
    assert template["commands"][1] == "tkt deploy tkt-guarded my-app"


def test_an_earlier_release_is_described_too(client: httpx.Client) -> None:
    releases = client.get("/api/v1/templates/tkt-chat/releases").json()["items"]
    assert [each["version"] for each in releases] == ["v1.1.0", "v1.0.0"]
    earlier = client.get("/api/v1/templates/tkt-chat", params={"ref": "v1.0.0"}).json()
    assert earlier["release"] == releases[1]


def test_the_readme_is_told_as_it_was_written(client: httpx.Client) -> None:
    assert client.get("/api/v1/templates/tkt-chat/readme").json() == {"text": "# tkt-chat\n"}


def test_folders_of_this_machine_are_not_for_the_api(client: httpx.Client, tmp_path: Path) -> None:
    for name in (str(tmp_path), "%2Fetc", "..%2f..", "~%2Fx", "file:%2F%2F%2Fetc"):
        assert client.get(f"/api/v1/templates/{name}").status_code in {404, 422}
    asked = {"template": str(tmp_path), "name": "chat"}
    assert client.post("/api/v1/deployments", json=asked).status_code == 422


def test_a_form_tells_every_question_and_every_error(client: httpx.Client) -> None:
    asked = {"answers": {"tone": "loud", "count": "many", "colour": "blue"}}
    form = client.post("/api/v1/templates/tkt-chat/form", json=asked).json()
    names = [question["name"] for question in form["questions"]]
    assert names == ["project_name", "greeting", "tone", "count"]
    assert {each["field"] for each in form["problems"]} == {"project_name", "tone", "count"}
    assert form["dropped"] == ["colour"]


def test_a_preview_shows_every_file_and_writes_nothing(client: httpx.Client) -> None:
    asked = {"answers": {"project_name": "chat", "greeting": "Hi"}}
    preview = client.post("/api/v1/templates/tkt-chat/preview", json=asked).json()
    files = {each["path"]: each for each in preview["files"]}
    assert files["greeting.txt"] == {
        "path": "greeting.txt",
        "mode": "100644",
        "size": 3,
        "text": "Hi\n",
    }
    assert any(path.startswith("k8s/") for path in files)
    assert client.get("/api/v1/deployments").json()["items"] == []


def test_a_preview_of_wrong_answers_lists_every_problem(client: httpx.Client) -> None:
    asked = {"answers": {"tone": "loud", "count": "many"}}
    answer = client.post("/api/v1/templates/tkt-chat/preview", json=asked)
    assert answer.status_code == 422
    assert len(answer.json()["errors"]) == 3


def test_a_secret_answer_does_not_come_back(tmp_path: Path) -> None:
    password = Question("password", "str", default="", secret=True)
    template = MemoryTemplate((GREETING, password), CHAT.template.files)
    with a_scene(tmp_path, offered=[Offered("tkt-secret", template)]).client() as client:
        asked = {"answers": {"project_name": "a", "password": "canary-answer"}}
        answer = client.post("/api/v1/templates/tkt-secret/form", json=asked)
        assert answer.status_code == 200
        assert "canary" not in answer.text
        refused = client.post(
            "/api/v1/deployments",
            json={"template": "tkt-secret", "name": "a", "answers": asked["answers"]},
        )
        assert refused.status_code == 422
        assert "canary" not in refused.text
