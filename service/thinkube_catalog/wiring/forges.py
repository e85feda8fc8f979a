"""The forge of an installation, chosen by its setting, and what goes with the choice."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from urllib.parse import quote, urlsplit

from thinkube_catalog.adapters.gitea import Care, GiteaForge, Hook
from thinkube_catalog.adapters.local_forge import LocalForge
from thinkube_catalog.adapters.secret_store import SealingKey
from thinkube_catalog.adapters.template_sources import GitTemplateSources
from thinkube_catalog.domain.forge import Arrivals, Deliveries, Forge, Repository
from thinkube_catalog.domain.secrets import SecretValue
from thinkube_catalog.settings import Settings

HOOK = "/api/v1/hooks/gitea"
"""Where this service takes what Gitea's webhooks deliver."""

ARGOCD_HOOK = "/api/webhook"

Keys = Sequence[SealingKey]


def _local(settings: Settings, _keys: Keys, _arrivals: Arrivals | None) -> Forge:
    return LocalForge(settings.data_dir / "git")


def _gitea(settings: Settings, keys: Keys, arrivals: Arrivals | None) -> Forge:
    token = settings.gitea_token.get_secret_value()
    return GiteaForge(
        settings.data_dir / "gitea",
        settings.gitea_url,
        token,
        care=Care(hooks(settings, keys), _workflow_secrets(settings), partial(_page, settings)),
        signed_by=lambda id_: [_hook_secret(key, id_) for key in keys],
        arrivals=arrivals,
    )


FORGES: Mapping[str, Callable[[Settings, Keys, Arrivals | None], Forge]] = {
    "local": _local,
    "gitea": _gitea,
}


def open_forge(settings: Settings, keys: Keys = (), arrivals: Arrivals | None = None) -> Forge:
    """Return the forge that the setting names; it has not been asked anything yet.

    What it delivers is signed by secrets that come from the first key, and believed by any; without
    a key, it connects nothing and believes nothing. What came for a test stands in `arrivals`.
    """
    return FORGES[settings.forge](settings, keys, arrivals)


def deliveries_of(forge: Forge) -> Deliveries | None:
    """Return what checks the deliveries of the forge, where it makes any."""
    return forge if isinstance(forge, GiteaForge) else None


def close_forge(forge: Forge) -> None:
    """Close what the forge holds open, where it does."""
    if isinstance(forge, GiteaForge):
        forge.close()


def template_sources(settings: Settings) -> GitTemplateSources:
    """Return the sources of templates, which may read private ones from our own forge."""
    return GitTemplateSources(settings.data_dir / "templates", tokens=_tokens(settings))


def service_hook(settings: Settings, key: SealingKey) -> Hook | None:
    """Return the webhook to this service; None where nobody knows its address."""
    if not settings.public_url:
        return None
    url = f"{settings.public_url}{HOOK}"
    return Hook(url, partial(_hook_secret, key), partial(_fingerprint, key))


def argocd_hook(settings: Settings, key: SealingKey) -> Hook | None:
    """Return the webhook to Argo CD; None where there is no secret to sign it by."""
    secret = settings.argocd_webhook_secret.get_secret_value()
    if settings.engine != "argocd" or not secret:
        return None
    url = f"{settings.argocd_url}{ARGOCD_HOOK}"
    return Hook(url, lambda _id: SecretValue(secret), partial(_fingerprint, key))


def hooks(settings: Settings, keys: Keys) -> tuple[Hook, ...]:
    """Return what each deployment's repository tells of pushes."""
    if not keys:
        return ()
    wanted = (service_hook(settings, keys[0]), argocd_hook(settings, keys[0]))
    return tuple(hook for hook in wanted if hook is not None)


def _hook_secret(key: SealingKey, repository: int) -> SecretValue:
    return SecretValue(key.derive(f"webhook of repository {repository}"))


def _fingerprint(key: SealingKey, secret: SecretValue) -> str:
    return key.derive(f"fingerprint of {secret.reveal()}")[:16]


def _workflow_secrets(settings: Settings) -> dict[str, SecretValue]:
    """Return what workflows are given; Gitea's own registry takes the account that commits tags."""
    token = settings.build_token.get_secret_value()
    if not token:
        return {}
    elsewhere = bool(settings.container_registry)
    registry = settings.registry_token.get_secret_value() if elsewhere else token
    given = {
        "BUILD_USER": settings.build_user,
        "BUILD_TOKEN": token,
        "REGISTRY_USER": settings.registry_user if elsewhere else settings.build_user,
        "REGISTRY_TOKEN": registry,
    }
    return {name: SecretValue(value) for name, value in given.items()}


def _page(settings: Settings, repository: Repository) -> str:
    """Return the page of a deployment, by its repository; empty where nobody knows its address."""
    if not settings.public_url:
        return ""
    return f"{settings.public_url}/deployments/{quote(repository.name)}"


def _tokens(settings: Settings) -> Mapping[str, str]:
    if settings.forge != "gitea":
        return {}
    parts = urlsplit(settings.gitea_url)
    return {f"{parts.scheme}://{parts.netloc}": settings.gitea_token.get_secret_value()}
