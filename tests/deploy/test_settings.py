"""What the manifests set is what the service takes."""

from __future__ import annotations

import re

import pytest
from pydantic import SecretStr

from tests.deploy.manifests import OVERLAY, Plain, container, overlaid, the
from thinkube_catalog.settings import PREFIX, Settings, load_settings

NEEDED = {
    *("THINKUBE_DATABASE_URL", "THINKUBE_SECRET_KEY", "THINKUBE_API_TOKEN"),
    *("THINKUBE_GITEA_TOKEN", "THINKUBE_ARGOCD_TOKEN"),
}
POD_IP = "10.42.0.7"


def references() -> dict[str, Plain]:
    """Return the references to Secrets, by the variable that each becomes."""
    return {
        each["name"]: each["valueFrom"]["secretKeyRef"]
        for each in container()["env"]
        if "secretKeyRef" in each.get("valueFrom", {})
    }


def example() -> str:
    return (OVERLAY / "secrets.env.example").read_text("utf-8")


def expanded(value: str, known: dict[str, str]) -> str:
    """Replace `$(NAME)` as the kubelet does."""
    return re.sub(r"\$\((\w+)\)", lambda found: known[found[1]], value)


def started(settings: Plain, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """Read the settings as the service does in such a pod."""
    environment = {name: str(value) for name, value in settings["data"].items()}
    environment |= dict.fromkeys(references(), "a-secret-of-more-than-thirty-two-characters")
    for each in container()["env"]:
        if "value" in each:
            environment[each["name"]] = expanded(each["value"], {**environment, "POD_IP": POD_IP})
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    return load_settings()


@pytest.mark.usefixtures("without_settings")
def test_the_service_starts_with_what_the_manifests_say(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = started(the("ConfigMap"), monkeypatch)
    assert (settings.forge, settings.engine) == ("gitea", "argocd")
    assert settings.allowed_hosts[0] == POD_IP
    assert the("HTTPRoute")["spec"]["hostnames"][0] in settings.allowed_hosts
    assert settings.kubernetes_url == ""  # the pod's own cluster


@pytest.mark.usefixtures("without_settings")
def test_the_example_says_one_host_name_everywhere(monkeypatch: pytest.MonkeyPatch) -> None:
    made = {each["kind"]: each for each in overlaid()}
    settings = started(made["ConfigMap"], monkeypatch)
    (host,) = made["HTTPRoute"]["spec"]["hostnames"]
    assert host in settings.allowed_hosts
    assert settings.public_url == f"https://{host}"


def secret_settings() -> set[str]:
    fields = Settings.model_fields.items()
    return {PREFIX + name.upper() for name, it in fields if it.annotation is SecretStr}


def test_no_secret_stands_in_the_config_map() -> None:
    assert not secret_settings() & the("ConfigMap")["data"].keys()


def test_without_what_is_needed_the_pod_does_not_start() -> None:
    assert {name for name, it in references().items() if not it.get("optional")} == NEEDED
    assert all(it["key"] == name for name, it in references().items())


def test_the_example_of_the_secret_has_its_keys_and_no_values() -> None:
    keys = re.findall(r"^([A-Z_]+)=(.*)$", example(), re.MULTILINE)
    assert {key for key, _ in keys} == NEEDED
    assert not any(value for _, value in keys)


def test_the_example_names_every_secret_setting() -> None:
    names = set(re.findall(r"^#?([A-Z_]+)=", example(), re.MULTILINE))
    # The pod has an account of its own, and the monitoring a Secret of its own.
    elsewhere = {"THINKUBE_KUBERNETES_TOKEN", "THINKUBE_METRICS_TOKEN"}
    assert names == secret_settings() - elsewhere
