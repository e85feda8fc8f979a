"""A template's questions over the wire, and a preview of what the answers make."""

from __future__ import annotations

from typing import Literal

from pydantic import ConfigDict, Field, field_serializer

from thinkube_catalog.api.schemas.catalog import ReleasePublic
from thinkube_catalog.api.schemas.problems import ProblemItem
from thinkube_catalog.api.schemas.wire import Given, Json, Wire


class RawAnswers(Given):
    """Answers as a form or a file has them; texts are parsed as the question's type says."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"answers": {"project_name": "legal-qa"}}]}
    )

    answers: dict[str, Json] = Field(default_factory=dict, description="By question name.")
    ref: str = Field(default="", description="Tag, branch or commit; empty: newest release.")


class ChoicePublic(Wire):
    """One offered value."""

    value: Json
    label: str
    disabled: str = Field(description="Why it cannot be chosen now; empty if it can.")
    details: dict[str, Json] = Field(description="For models: memory need, licence, gated, ...")


class QuestionPublic(Wire):
    """One visible question as it stands for the given answers."""

    name: str
    type: Literal["str", "int", "float", "bool", "json", "yaml", "path"]
    help: str
    value: Json
    default: Json
    answered: bool
    required: bool
    choices: list[ChoicePublic] | None
    multiselect: bool
    multiline: bool
    placeholder: str
    secret: bool
    group: str
    dynamic_source: str
    error: str = Field(description="What is wrong with the value; empty when nothing is.")

    @field_serializer("value")
    def _without_secret(self, value: Json) -> Json:
        return None if self.secret else value


class FormPublic(Wire):
    """Every visible question and every error at once."""

    questions: list[QuestionPublic]
    dropped: list[str] = Field(description="Answers that no visible question asks for.")
    problems: list[ProblemItem]


class FilePublic(Wire):
    """One file of a rendered project."""

    path: str
    mode: Literal["100644", "100755", "120000"] = Field(description="As in Git.")
    size: int = Field(description="In bytes.")
    text: str | None = Field(description="Its content, where it is UTF-8 text.")


class PreviewPublic(Wire):
    """What would be made. Nothing has been written anywhere."""

    release: ReleasePublic
    files: list[FilePublic] = Field(description="By path; Kubernetes objects are under k8s/.")
    commands: list[str] = Field(description="Commands that make the same.")
