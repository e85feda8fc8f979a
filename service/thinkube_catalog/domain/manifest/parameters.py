"""Reading the `parameters` of a manifest: questions in Thinkube's own notation."""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass

from thinkube_catalog.domain.documents import Fields, shown
from thinkube_catalog.domain.manifest.values import Parameter

TYPES = ("str", "int", "bool", "choice")
DYNAMIC_SOURCE = "model_catalog"

_LONGEST_PATTERN = 1000
_NAME = re.compile(r"[a-z][a-z0-9_]*")
_FILTERS = ("server_type", "is_downloaded")
_PIPELINE_VARIABLES = frozenset(
    # What Thinkube's own pipeline calls its variables (format reference, section 2.3).
    [
        "app_name",
        "template_url",
        "deployment_namespace",
        "domain_name",
        "admin_username",
        "github_token",
        "namespace",
        "k8s_namespace",
        "container_registry",
        "registry_subdomain",
        "deployment_id",
        "deployment_type",
    ],
)
_JINJA_WORDS = frozenset(
    # What no expression of a template can use as a name, and what Copier keeps for itself.
    ["and", "or", "not", "in", "is", "if", "else", "true", "false", "none", "now", "make_secret"],
)


def read_parameters(root: Fields, reserved: Collection[str]) -> tuple[Parameter, ...]:
    """Read every entry of `parameters`; entries without a usable name or type are left out."""
    seen: set[str] = set()
    parameters = []
    for entry in root.items("parameters"):
        name = _name(entry, reserved, seen)
        type_ = _type(entry)
        parameter = _Reading(entry, name, type_).parameter() if name and type_ else None
        if parameter:
            parameters.append(parameter)
    return tuple(parameters)


def _name(entry: Fields, reserved: Collection[str], seen: set[str]) -> str:
    mend = "use small letters, digits and underscores, for example model_id"
    name = entry.text("name", required=True, pattern=_NAME, mend=mend)
    if name in seen:
        entry.problem("name", f"the parameter {name} is declared twice", "keep one of them")
    elif name in reserved:
        entry.problem("name", f"{name} is asked for every template", "remove this entry")
    elif name in _JINJA_WORDS:
        entry.problem("name", f"{name} is a word of the template language", "rename it")
    elif name in _PIPELINE_VARIABLES:
        entry.warn("name", f"{name} is also set by the platform, which hides the answer", "rename")
    seen.add(name)
    return name


def _type(entry: Fields) -> str:
    if "type" in entry:
        return entry.choice("type", TYPES)
    entry.text("type", required=True, mend=f"use one of {', '.join(TYPES)}")
    return ""


@dataclass(frozen=True)
class _Reading:
    entry: Fields
    name: str
    type: str

    def parameter(self) -> Parameter:
        entry = self.entry
        parameter = Parameter(
            name=self.name,
            type=self.type,
            description=entry.text("description"),
            default=self._default(),
            required=entry.boolean("required", True),
            choices=entry.texts("choices"),
            pattern=self._pattern(),
            min_length=entry.integer("minLength", None, least=0),
            max_length=entry.integer("maxLength", None, least=0),
            min=entry.integer("min", None),
            max=entry.integer("max", None),
            placeholder=entry.text("placeholder"),
            group=entry.text("group", "default") or "default",
            order=entry.integer("order", 0),
            dynamic_source=entry.text("dynamic_source"),
            filter=entry.mapping("filter"),
            unknown=entry.unknown(),
        )
        self._check_bounds(parameter)
        self._check_choices(parameter)
        self._check_applies(parameter)
        return parameter

    def _default(self) -> object:
        if self.type == "int":
            return self._integer_default()
        if self.type == "bool":
            return self.entry.boolean("default", None)
        return self.entry.text("default") if "default" in self.entry else None

    def _integer_default(self) -> int | None:
        default = self.entry.integer("default", None)
        if "default" not in self.entry:
            message = f"{self.name} has no default; Thinkube wants one for a whole number"
            self.entry.warn("default", message)
        return default

    def _pattern(self) -> str:
        pattern = self.entry.text("pattern")
        if len(pattern) > _LONGEST_PATTERN:
            message = f"a pattern of {len(pattern)} characters is too long"
            self.entry.problem("pattern", message, f"use at most {_LONGEST_PATTERN}")
            return ""
        try:
            re.compile(pattern)
        except (re.error, OverflowError, RecursionError) as error:
            message = f"{shown(pattern)} is not a regular expression: {error}"
            self.entry.problem("pattern", message, "put it in single quotes")
            return ""
        return pattern

    def _check_bounds(self, parameter: Parameter) -> None:
        pairs = (
            ("minLength", parameter.min_length, "maxLength", parameter.max_length),
            ("min", parameter.min, "max", parameter.max),
        )
        for low_name, low, high_name, high in pairs:
            if low is not None and high is not None and low > high:
                message = f"{low_name} {low} is more than {high_name} {high}"
                self.entry.problem(low_name, message, "swap them")

    def _check_choices(self, parameter: Parameter) -> None:
        if self.type != "choice":
            return
        source = parameter.dynamic_source
        if source and source != DYNAMIC_SOURCE:
            message = f"{shown(source)} is no source of choices that is known; it is ignored"
            self.entry.warn("dynamic_source", message, f"use {DYNAMIC_SOURCE}")
        if not source and not parameter.choices:
            message = f"{self.name} is a choice without choices; any text will do"
            self.entry.warn("choices", message, "list them, or name a dynamic_source")
        known = parameter.choices
        if known and parameter.default is not None and parameter.default not in known:
            message = f"the default {shown(parameter.default)} is not among the choices"
            self.entry.warn("default", message, "add it to them")
        for name in parameter.filter:
            if name not in _FILTERS:
                self.entry.warn(("filter", name), f"the filter {shown(name)} is ignored")

    def _check_applies(self, parameter: Parameter) -> None:
        for_type = {
            "str": ("pattern", "minLength", "maxLength"),
            "int": ("min", "max"),
            "choice": ("choices", "dynamic_source", "filter"),
        }
        for type_, names in for_type.items():
            for name in names:
                if type_ != self.type and name in self.entry:
                    message = f"{name} applies to {type_}, and {parameter.name} is {self.type}"
                    self.entry.warn(name, message, "remove it")
