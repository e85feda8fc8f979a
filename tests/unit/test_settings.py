"""Settings: read from the environment, refused with every problem at once."""

from __future__ import annotations

from pathlib import Path

import pytest

from thinkube_catalog.domain.environment import PULL_SECRET
from thinkube_catalog.settings import SettingsInvalidError, load_settings
from thinkube_catalog.wiring.parts import conventions

pytestmark = pytest.mark.usefixtures("without_settings")


def test_without_any_setting_the_service_listens_on_loopback_alone() -> None:
    assert load_settings().host == "127.0.0.1"
    assert conventions(load_settings()).pull_secret == ""


def test_an_unknown_name_is_refused_with_the_near_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("THINKUBE_DATA_DIRR", "somewhere")
    with pytest.raises(SettingsInvalidError) as caught:
        load_settings()
    assert [str(problem) for problem in caught.value.problems] == [
        "THINKUBE_DATA_DIRR: there is no such setting (did you mean THINKUBE_DATA_DIR?)",
    ]


def test_every_problem_is_listed_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("THINKUBE_PORT", "many")
    monkeypatch.setenv("THINKUBE_ROUTING", "pigeon")
    monkeypatch.setenv("THINKUBE_COLOUR", "blue")
    with pytest.raises(SettingsInvalidError) as caught:
        load_settings()
    assert {problem.field for problem in caught.value.problems} == {
        "THINKUBE_COLOUR",
        "THINKUBE_PORT",
        "THINKUBE_ROUTING",
    }


def test_an_open_address_without_a_token_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("THINKUBE_HOST", "0.0.0.0")  # noqa: S104 (it is refused)
    with pytest.raises(SettingsInvalidError, match="without authentication"):
        load_settings()
    monkeypatch.setenv("THINKUBE_API_TOKEN", "canary-token")
    assert load_settings().host == "0.0.0.0"  # noqa: S104 (as above)


def test_replicas_on_one_database_need_one_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("THINKUBE_DATABASE_URL", "postgresql+psycopg://u@db/x")
    with pytest.raises(SettingsInvalidError, match="every replica") as caught:
        load_settings()
    assert [problem.field for problem in caught.value.problems] == ["THINKUBE_SECRET_KEY"]


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"DELIVERY": "external-secret"}, "THINKUBE_SECRET_STORE is needed"),
        ({"ENTRIES": "deployment", "PROPERTY": "value"}, "THINKUBE_SECRET_PROPERTY has no use"),
    ],
)
def test_what_does_not_go_together_about_a_store_of_secrets_is_told(
    monkeypatch: pytest.MonkeyPatch, given: dict[str, str], told: str
) -> None:
    for name, value in given.items():
        monkeypatch.setenv(f"THINKUBE_SECRET_{name}", value)
    with pytest.raises(SettingsInvalidError, match=told):
        load_settings()


def test_secrets_do_not_show_when_settings_are_printed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("THINKUBE_API_TOKEN", "canary-token")
    monkeypatch.setenv("THINKUBE_DATABASE_URL", "postgresql://u:canary-word@db/x")
    monkeypatch.setenv("THINKUBE_SECRET_KEY", "canary" * 8)
    monkeypatch.setenv(
        "THINKUBE_PROVIDERS",
        '[{"name": "g", "type": "llm", "url": "http://g/v1", "api_key": "canary-key"}]',
    )
    assert "canary" not in repr(load_settings())


def test_a_secret_of_wrong_form_does_not_show_in_the_error(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("THINKUBE_PROVIDERS", '[{"name": "g", "api_key": "canary-key"}]')
    with pytest.raises(SettingsInvalidError) as caught:
        load_settings()
    assert "canary" not in str(caught.value)
    assert {problem.field for problem in caught.value.problems} == {
        "THINKUBE_PROVIDERS.0.type",
        "THINKUBE_PROVIDERS.0.url",
    }


def test_providers_that_are_no_json_are_a_clear_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("THINKUBE_PROVIDERS", "http://gateway")
    with pytest.raises(SettingsInvalidError, match="JSON"):
        load_settings()


def test_catalogues_are_separated_by_commas(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("THINKUBE_CATALOG", "/a, https://git.example.org/b.git")
    assert load_settings().catalog == ("/a", "https://git.example.org/b.git")


def test_names_in_a_dotenv_file_are_read_and_checked_too(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("THINKUBE_PORT=9999\nOTHER=1\n")
    assert load_settings().port == 9999
    (tmp_path / ".env").write_text("THINKUBE_PROT=9999\n")
    with pytest.raises(SettingsInvalidError, match="THINKUBE_PORT"):
        load_settings()


def test_a_gitea_needs_its_address_and_its_token(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("THINKUBE_FORGE", "gitea")
    with pytest.raises(SettingsInvalidError) as caught:
        load_settings()
    assert {problem.field for problem in caught.value.problems} == {
        "THINKUBE_GITEA_URL",
        "THINKUBE_GITEA_TOKEN",
    }
    monkeypatch.setenv("THINKUBE_GITEA_URL", "https://git.example.org/forge/")
    monkeypatch.setenv("THINKUBE_GITEA_TOKEN", "canary-token")
    assert load_settings().gitea_url == "https://git.example.org/forge"
    assert "canary" not in repr(load_settings())


@pytest.mark.parametrize(
    "url",
    ["git.example.org", "ssh://git.example.org", "https://me:word@git.example.org", "https://x:y"],
)
def test_an_address_of_a_gitea_that_is_no_plain_one_is_refused(
    monkeypatch: pytest.MonkeyPatch, url: str
) -> None:
    monkeypatch.setenv("THINKUBE_GITEA_URL", url)
    with pytest.raises(SettingsInvalidError, match="plain web address"):
        load_settings()


def test_what_pulls_images_has_an_account_and_writes_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("THINKUBE_FORGE", "gitea")
    monkeypatch.setenv("THINKUBE_GITEA_URL", "https://git.example.org")
    monkeypatch.setenv("THINKUBE_GITEA_TOKEN", "canary-service")
    monkeypatch.setenv("THINKUBE_BUILD_USER", "builder")
    monkeypatch.setenv("THINKUBE_BUILD_TOKEN", "canary-builder")
    monkeypatch.setenv("THINKUBE_PULL_TOKEN", "canary-puller")
    with pytest.raises(SettingsInvalidError, match="needs THINKUBE_PULL_USER"):
        load_settings()
    monkeypatch.setenv("THINKUBE_PULL_USER", "puller")
    assert conventions(load_settings()).pull_secret == PULL_SECRET
    for writes in ("canary-service", "canary-builder"):
        monkeypatch.setenv("THINKUBE_PULL_TOKEN", writes)
        with pytest.raises(SettingsInvalidError, match="writes as well") as caught:
            load_settings()
        assert "canary" not in str(caught.value)
