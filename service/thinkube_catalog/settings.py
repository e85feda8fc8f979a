"""Every setting, described. Environment variables `THINKUBE_*`, or the same names in `.env`.

Built once in `main`, used in `wiring`, imported by nobody else.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Annotated, Literal, Self
from urllib.parse import urlsplit

from dotenv import dotenv_values
from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    PositiveFloat,
    SecretStr,
    ValidationError,
    ValidationInfo,
    field_validator,
    model_validator,
)
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict
from pydantic_settings.exceptions import SettingsError

from thinkube_catalog.domain.errors import InvalidError, Problem

PREFIX = "THINKUBE_"
MADE_BY_BOOTSTRAP = ("gitea_token", "argocd_token", "secret_key")
LOOPBACK = ("127.0.0.1", "localhost", "::1")


class ProviderSetting(BaseModel):
    """An endpoint outside this catalog that deployments may depend on."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str = Field(description="A name to recognise it by, for example gateway.")
    type: str = Field(
        description="What it gives: llm, embeddings, vectors, database, cache, queue or storage.",
    )
    url: str = Field(description="Its address, for example http://127.0.0.1:4000/v1.")
    model: str = Field(default="", description="The model that applications should ask for.")
    api_key: SecretStr = Field(
        default=SecretStr(""),
        description="Its key; kept encrypted, handed to applications as a secret.",
    )


def _default_data_dir() -> Path:
    base = os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share"
    return Path(base) / "thinkube-catalog"


class Settings(BaseSettings):
    """How one installation is set up."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX,
        env_file=".env",
        env_ignore_empty=True,
        frozen=True,
        extra="ignore",  # `.env` may serve other programs too; our own names are checked below
    )

    # The service
    host: str = Field(default="127.0.0.1", description="Address that the service listens on.")
    port: int = Field(
        default=8765,
        ge=0,
        le=65535,
        description="Port that the service listens on; 0 takes a free one.",
    )
    api_token: SecretStr = Field(
        default=SecretStr(""),
        description="Callers send it as a bearer token. Required on any address but loopback.",
    )
    metrics_token: SecretStr = Field(
        default=SecretStr(""),
        description="Opens `/metrics` and nothing else, for the monitoring, beside the token "
        "above.",
    )
    allowed_hosts: Annotated[tuple[str, ...], NoDecode] = Field(
        default=(),
        description="Further host names by which browsers may call the service, by commas.",
    )
    server: str = Field(
        default="",
        description="For the command line: the service to talk to, instead of the local one.",
    )
    log_level: Literal["debug", "info", "warning", "error"] = Field(
        default="info",
        description="The least important messages that are still logged.",
    )

    # Storage
    data_dir: Path = Field(
        default_factory=_default_data_dir,
        description="Where everything is kept that the embedded platform stores.",
    )
    database_url: SecretStr = Field(
        default=SecretStr(""),
        description="SQLAlchemy URL of the database; empty means SQLite files in the data folder.",
    )
    secret_key: SecretStr = Field(
        default=SecretStr(""),
        validate_default=True,
        description="Encrypts stored secrets; empty means a key file in the data folder. Needed "
        "with PostgreSQL, and the same for all replicas.",
    )

    # The forge
    forge: Literal["local", "gitea"] = Field(
        default="local",
        description="Where repositories live: in the data folder, or in a Gitea.",
    )
    gitea_url: str = Field(
        default="",
        validate_default=True,
        description="Address of the Gitea, as applications and people reach it.",
    )
    gitea_token: SecretStr = Field(
        default=SecretStr(""),
        validate_default=True,
        description="Access token of this service's account there; `tkt doctor` says its scopes.",
    )
    gitea_org: str = Field(
        default="thinkube-deployments",
        description="Organisation in Gitea that deployments' repositories live in.",
    )
    templates_org: str = Field(
        default="thinkube-templates",
        description="Organisation in Gitea that templates are published in.",
    )

    gitea_read_token: SecretStr = Field(
        default=SecretStr(""),
        description="Token with read:repository alone, by which Argo CD clones; empty means that "
        "Argo CD has a credential template for the organisation already.",
    )
    public_url: str = Field(
        default="",
        description="Address of this service as others reach it; the forge sends its webhooks "
        "there. Empty means that pushes are looked for.",
    )

    # Building images
    build_user: str = Field(
        default="",
        description="Account in Gitea by which workflows push images and commit their tags.",
    )
    build_token: SecretStr = Field(
        default=SecretStr(""),
        description="Its token, with write:package and write:repository; workflows can read it. "
        "Empty means that no images are built.",
    )
    build_runner: str = Field(
        default="buildah",
        pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$",
        description="Label of the runners that build images; they have bash, git and buildah.",
    )
    registry_user: str = Field(
        default="",
        description="Account at the registry, where that is another than Gitea's own.",
    )
    registry_token: SecretStr = Field(
        default=SecretStr(""),
        description="Its password or token there; workflows can read it.",
    )

    # Pulling images
    pull_user: str = Field(
        default="",
        description="Account at the registry by which the cluster pulls images.",
    )
    pull_token: SecretStr = Field(
        default=SecretStr(""),
        description="Its token, with read:package alone where the registry is Gitea's own; each "
        "application's namespace gets it as a Secret. Empty means that images are pulled without.",
    )

    # The GitOps engine
    engine: Literal["local", "argocd"] = Field(
        default="local",
        description="What runs applications: processes of this machine, or Argo CD on Kubernetes.",
    )
    argocd_url: str = Field(
        default="",
        validate_default=True,
        description="Address of Argo CD's server.",
    )
    argocd_token: SecretStr = Field(
        default=SecretStr(""),
        validate_default=True,
        description="Token of the project's role there; `tkt bootstrap` makes one.",
    )
    argocd_project: str = Field(
        default="thinkube",
        description="Argo CD project that every application belongs to.",
    )
    argocd_namespace: str = Field(
        default="argocd",
        description="Namespace that Argo CD runs in; no application may touch it.",
    )
    argocd_cluster: str = Field(
        default="https://kubernetes.default.svc",
        description="The cluster that applications run on: its address, or its name in Argo CD.",
    )
    argocd_webhook_secret: SecretStr = Field(
        default=SecretStr(""),
        description="What signs the forge's webhooks to Argo CD (`webhook.gogs.secret` there); "
        "empty means that none are made.",
    )

    # The cluster
    kubernetes_url: str = Field(
        default="",
        description="Address of the cluster's API; empty means the cluster this service runs in.",
    )
    kubernetes_token: SecretStr = Field(
        default=SecretStr(""),
        description="Token of this service's account there; empty means the pod's own.",
    )
    kubernetes_ca: Path | None = Field(
        default=None,
        description="File with the certificates that the cluster's API is trusted by.",
    )
    namespace_prefix: str = Field(
        default="tkt-",
        pattern=r"^([a-z0-9]([a-z0-9-]{0,18}))?$",
        description="What the namespaces of applications begin with; each has one of its own.",
    )
    secret_delivery: Literal["secret", "external-secret"] = Field(
        default="secret",
        description="How secrets reach an application's namespace: written as a Secret by this "
        "service, or fetched by External Secrets.",
    )
    secret_store: str = Field(
        default="",
        description="ClusterSecretStore that External Secrets fetch from.",
    )
    secret_entries: Literal["value", "deployment"] = Field(
        default="value",
        description="What the store has one entry for: each value, or each deployment, whose "
        "values are its fields; then the entry `shared` has those of all.",
    )
    secret_property: str = Field(
        default="",
        description="Field of the store's entries that holds the value, where each value has an "
        "entry and entries have fields (as in Vault); empty means the whole entry.",
    )

    # The catalog
    catalog: Annotated[tuple[str, ...], NoDecode] = Field(
        default=(),
        description="Folders or Git URLs of metadata repositories, by commas; later ones win. "
        "Empty means the one that comes with this program.",
    )
    providers: tuple[ProviderSetting, ...] = Field(
        default=(),
        description="Endpoints that deployments may depend on, as a JSON list of objects with "
        "name, type, url, and optionally model and api_key.",
    )

    gpus: Annotated[tuple[PositiveFloat, ...], NoDecode] = Field(
        default=(),
        description="GiB of memory of each GPU that applications may use, by commas; pages show "
        "beside it what a model needs.",
    )

    # How things are named in what is generated
    domain_name: str = Field(
        default="localhost",
        description="Base domain of deployed applications.",
    )
    container_registry: str = Field(
        default="",
        description="Where images are pushed to and pulled from, without a scheme; empty means "
        "Gitea's own registry, or registry.localhost without a Gitea.",
    )
    routing: Literal["gateway", "ingress"] = Field(
        default="gateway",
        description="Whether routes become an HTTPRoute or an Ingress.",
    )
    ingress_class: str = Field(default="", description="Class of the Ingress; empty: the default.")
    service_monitors: bool = Field(
        default=False,
        description="Whether a ServiceMonitor is written for each port.",
    )
    storage_class: str = Field(
        default="",
        description="Class of the volumes; empty: the cluster's default.",
    )

    @model_validator(mode="before")
    @classmethod
    def _split_lists(cls, values: object) -> object:
        if isinstance(values, dict):
            for name in ("catalog", "allowed_hosts", "gpus"):
                if isinstance(values.get(name), str):
                    parts = values[name].split(",")
                    values[name] = tuple(part.strip() for part in parts if part.strip())
        return values

    @field_validator("gitea_url", "argocd_url", "kubernetes_url", "public_url")
    @classmethod
    def _check_address(cls, url: str) -> str:
        try:
            parts = urlsplit(url)
            plain = parts.port is None or parts.port > 0
        except ValueError:
            plain = False
        plain = plain and parts.scheme in {"http", "https"} and bool(parts.hostname)
        if url and (not plain or parts.query or parts.fragment or "@" in parts.netloc):
            message = "is no plain web address, as in https://git.example.org"
            raise ValueError(message)
        return url.rstrip("/")

    @field_validator("secret_key")
    @classmethod
    def _require_for_replicas(cls, value: SecretStr, validated: ValidationInfo) -> SecretStr:
        database = validated.data.get("database_url")
        if (
            database
            and "postgresql" in database.get_secret_value()
            and not value.get_secret_value()
        ):
            message = (
                "is needed with PostgreSQL, so that every replica can open what another has "
                "sealed; a service that ran without has its key in secret.key of its data folder"
            )
            raise ValueError(message)
        return value

    @field_validator("gitea_url", "gitea_token")
    @classmethod
    def _require_for_gitea(
        cls, value: str | SecretStr, validated: ValidationInfo
    ) -> str | SecretStr:
        given = value.get_secret_value() if isinstance(value, SecretStr) else value
        if validated.data.get("forge") == "gitea" and not given:
            message = f"is needed, because {PREFIX}FORGE is gitea"
            raise ValueError(message)
        return value

    @field_validator("argocd_url", "argocd_token")
    @classmethod
    def _require_for_argocd(
        cls, value: str | SecretStr, validated: ValidationInfo
    ) -> str | SecretStr:
        given = value.get_secret_value() if isinstance(value, SecretStr) else value
        if validated.data.get("engine") == "argocd" and not given:
            message = f"is needed, because {PREFIX}ENGINE is argocd"
            raise ValueError(message)
        return value

    @model_validator(mode="after")
    def _require_a_forge_that_argocd_reaches(self) -> Self:
        if self.engine == "argocd" and self.forge == "local":
            message = (
                f"Argo CD cannot clone from this data folder; set {PREFIX}FORGE=gitea "
                f"with {PREFIX}ENGINE=argocd"
            )
            raise ValueError(message)
        if self.secret_delivery == "external-secret" and not self.secret_store:  # noqa: S105 (a word)
            message = (
                f"{PREFIX}SECRET_STORE is needed, because "
                f"{PREFIX}SECRET_DELIVERY is external-secret"
            )
            raise ValueError(message)
        if self.secret_entries == "deployment" and self.secret_property:  # noqa: S105 (a word)
            message = (
                f"{PREFIX}SECRET_PROPERTY has no use with {PREFIX}SECRET_ENTRIES=deployment, where "
                "the fields are the values"
            )
            raise ValueError(message)
        return self

    @model_validator(mode="after")
    def _require_what_builds_need(self) -> Self:
        if not self.build_token.get_secret_value():
            return self
        if self.forge != "gitea" or not self.build_user:
            message = (
                f"{PREFIX}BUILD_TOKEN needs {PREFIX}BUILD_USER beside it, the name of its account, "
                f"and {PREFIX}FORGE=gitea, where it builds"
            )
            raise ValueError(message)
        if self.container_registry and not self.registry_token.get_secret_value():
            message = (
                f"images would be pushed to {self.container_registry} without an account; set "
                f"{PREFIX}REGISTRY_USER and {PREFIX}REGISTRY_TOKEN"
            )
            raise ValueError(message)
        return self

    @model_validator(mode="after")
    def _require_what_pulls_need(self) -> Self:
        token = self.pull_token.get_secret_value()
        if token and not self.pull_user:
            message = f"{PREFIX}PULL_TOKEN needs {PREFIX}PULL_USER beside it, whose token it is"
            raise ValueError(message)
        others = (self.build_token, self.registry_token, self.gitea_token)
        if token and token in {each.get_secret_value() for each in others}:
            message = (
                f"{PREFIX}PULL_TOKEN is a token that writes as well, and every namespace would "
                "get it; make one that only pulls"
            )
            raise ValueError(message)
        return self

    @model_validator(mode="after")
    def _refuse_unsafe(self) -> Self:
        if self.host not in LOOPBACK and not self.api_token.get_secret_value():
            message = (
                f"the service would listen on {self.host}, where others can reach it, without "
                f"authentication; set {PREFIX}API_TOKEN, or {PREFIX}HOST=127.0.0.1"
            )
            raise ValueError(message)
        return self


class SettingsInvalidError(InvalidError):
    def __init__(self, problems: list[Problem]) -> None:
        super().__init__("the settings are not usable", problems)


def load_settings(**overrides: object) -> Settings:
    """Read the settings. Raises SettingsInvalidError with every problem at once."""
    return _load(Path(".env"), overrides)


def _load(file: Path, overrides: Mapping[str, object]) -> Settings:
    problems = _unknown_names({*os.environ, *dotenv_values(file)})
    try:
        settings = Settings(_env_file=file, **overrides)  # type: ignore[arg-type] # checked by pydantic
    except ValidationError as error:
        problems += [_problem(each) for each in error.errors(include_url=False)]
    except SettingsError as error:
        problems.append(Problem(str(error), mend="write it as JSON"))
    if problems:
        raise SettingsInvalidError(problems)
    return settings


def load_settings_for_bootstrap(file: Path) -> Settings:
    """Read settings of which some are still to be made: the tokens, and what an address implies.

    Raises SettingsInvalidError.
    """
    set_ = {name for name, value in {**dotenv_values(file), **os.environ}.items() if value}
    implied = {"gitea_url": {"forge": "gitea"}, "argocd_url": {"engine": "argocd"}}
    overrides: dict[str, object] = {
        name: value
        for address, told in implied.items()
        for name, value in told.items()
        if PREFIX + address.upper() in set_ and PREFIX + name.upper() not in set_
    }
    made = [name for name in MADE_BY_BOOTSTRAP if PREFIX + name.upper() not in set_]
    settings = _load(file, {**overrides, **dict.fromkeys(made, "to be made")})
    return settings.model_copy(update=dict.fromkeys(made, SecretStr("")))


def _unknown_names(names: Iterable[str]) -> list[Problem]:
    known = [PREFIX + name.upper() for name in Settings.model_fields]
    unknown = sorted(name for name in names if name.startswith(PREFIX) and name not in known)
    return [_unknown(name, known) for name in unknown]


def _unknown(name: str, known: list[str]) -> Problem:
    near = get_close_matches(name, known, n=1)
    mend = f"did you mean {near[0]}?" if near else f"unset {name}"
    return Problem("there is no such setting", field=name, mend=mend)


def _problem(error: object) -> Problem:
    assert isinstance(error, dict)  # noqa: S101 (pydantic's own type is a TypedDict)
    place = ".".join(str(part) for part in error["loc"])
    head, *rest = place.split(".") if place else [""]
    field = ".".join([PREFIX + head.upper(), *rest]) if head else ""
    return Problem(str(error["msg"]).removeprefix("Value error, "), field=field)
