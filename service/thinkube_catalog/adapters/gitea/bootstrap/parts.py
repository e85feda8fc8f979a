"""The parts of the plan, in the order in which they build on each other."""

from __future__ import annotations

from thinkube_catalog.adapters.gitea.bootstrap.accounts import Account, Administrator
from thinkube_catalog.adapters.gitea.bootstrap.organisations import (
    Membership,
    Organisation,
    Ownership,
)
from thinkube_catalog.adapters.gitea.bootstrap.plan import (
    BUILD_TOKEN,
    BUILDER_TOKEN,
    BUILDERS,
    PULL_TOKEN,
    PULLER_SCOPES,
    PULLER_TOKEN,
    PULLERS,
    READ_CODE,
    READ_IMAGES,
    READ_TOKEN,
    READER_SCOPES,
    READER_TOKEN,
    READERS,
    SERVICE_TOKEN,
    TOKEN,
    WRITE_IMAGES,
    GiteaPlan,
)
from thinkube_catalog.adapters.gitea.bootstrap.tokens import Token
from thinkube_catalog.adapters.gitea.client import GiteaClient
from thinkube_catalog.adapters.gitea.doctor import BUILD_SCOPES, SCOPES
from thinkube_catalog.domain.bootstrap import Kept, Part


def gitea_parts(client: GiteaClient, administrator: str, plan: GiteaPlan, kept: Kept) -> list[Part]:
    """Return the parts in the order in which they build on each other."""
    owned = tuple(dict.fromkeys((plan.deployments, plan.templates)))
    return [
        Administrator(client, administrator),
        Account(client, plan.account, "the service"),
        *(Organisation(client, each, plan.account) for each in owned),
        *(Ownership(client, each, plan.account) for each in owned),
        Token(client, plan.account, SERVICE_TOKEN, SCOPES, plan.prefix + TOKEN, kept),
        *(_reader_parts(client, plan, kept) if plan.reader else ()),
        *(_builder_parts(client, plan, kept) if plan.builder else ()),
        *(_puller_parts(client, plan, kept) if plan.puller else ()),
    ]


def _reader_parts(client: GiteaClient, plan: GiteaPlan, kept: Kept) -> list[Part]:
    setting = plan.prefix + READ_TOKEN
    return [
        Account(client, plan.reader, "Argo CD"),
        Membership(client, plan.deployments, READERS, plan.reader, READ_CODE),
        Token(client, plan.reader, READER_TOKEN, READER_SCOPES, setting, kept),
    ]


def _builder_parts(client: GiteaClient, plan: GiteaPlan, kept: Kept) -> list[Part]:
    setting = plan.prefix + BUILD_TOKEN
    return [
        Account(client, plan.builder, "builds"),
        Membership(client, plan.deployments, BUILDERS, plan.builder, WRITE_IMAGES),
        Token(client, plan.builder, BUILDER_TOKEN, BUILD_SCOPES, setting, kept),
    ]


def _puller_parts(client: GiteaClient, plan: GiteaPlan, kept: Kept) -> list[Part]:
    setting = plan.prefix + PULL_TOKEN
    return [
        Account(client, plan.puller, "pulls of images"),
        Membership(client, plan.deployments, PULLERS, plan.puller, READ_IMAGES),
        Token(client, plan.puller, PULLER_TOKEN, PULLER_SCOPES, setting, kept),
    ]
