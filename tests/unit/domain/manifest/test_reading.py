"""Manifests of both generations: what is accepted, what is said about what is not."""

from __future__ import annotations

import re

import pytest
from hypothesis import given

from tests.builders import a_manifest
from tests.strategies import manifests
from tests.written import manifest_text
from thinkube_catalog.domain.manifest import (
    ManifestInvalidError,
    Need,
    Parameter,
    TemplateManifest,
    parse_manifest,
)

HEAD = "apiVersion: thinkube.io/v1\nkind: TemplateManifest\nmetadata: {name: tkt-chat}\n"


def refused(text: str) -> list[str]:
    with pytest.raises(ManifestInvalidError) as caught:
        parse_manifest(text)
    return [str(problem) for problem in caught.value.problems]


def warned(text: str) -> list[str]:
    return [str(warning) for warning in parse_manifest(text).warnings]


def with_parameter(text: str) -> str:
    return f"{HEAD}parameters:\n  - {{{text}}}\n"


def test_a_manifest_says_what_a_template_is() -> None:
    assert parse_manifest(manifest_text(a_manifest())).warnings == ()
    read = parse_manifest(manifest_text(a_manifest())).value
    assert (read.name, read.title, read.tags) == (
        "tkt-chat",
        "Chat: talk to a model",
        ("chat", "llm"),
    )
    assert read.parameters == a_manifest().parameters
    assert read.secrets == a_manifest().secrets


def comparable(manifest: TemplateManifest) -> dict[str, object]:
    # `metadata` keeps the mapping as written, which only the file knows.
    return {**vars(manifest), "metadata": {}, "hardware": dict(manifest.hardware)}


@given(manifest=manifests())
def test_every_manifest_survives_being_written_and_read(manifest: TemplateManifest) -> None:
    assert comparable(parse_manifest(manifest_text(manifest)).value) == comparable(manifest)


FIRST_GENERATION = """\
# A licence header,
# of two lines.

apiVersion: thinkube.io/v1   # trailing words
kind: TemplateManifest
metadata:
  name: tkt-speech-server
  title: "Speech: to text — and back"
  description: Serves a model, with: colons
  version: 1.0
  author: Zoë Ångström
  tags: ["speech", gpu]
  homepage: https://example.org

parameters:
  - name: model_id
    type: choice
    description: Model to serve
    default: acme/not-in-the-list
    dynamic_source: "model_catalog"
    filter:
      server_type: "speech"
      is_downloaded: true
    group: Model
    order: 1

  - name: voice
    type: str
    description: Which voice
    pattern: '^[a-z]+$'"""


def test_a_manifest_of_the_first_generation_is_read_without_a_word() -> None:
    parsed = parse_manifest(FIRST_GENERATION.replace(", with: colons", ""))
    assert parsed.warnings == ()
    assert parsed.value.version == "1.0"
    assert parsed.value.metadata["homepage"] == "https://example.org"
    model, voice = parsed.value.parameters
    assert model.filter == {"server_type": "speech", "is_downloaded": True}
    assert (voice.default, voice.required) == (None, True)


SECOND_GENERATION = """\
apiVersion: thinkube.io/v1
kind: TemplateManifest
metadata:
  name: tkt-papers
parameters: []  # none: everything is included


secrets:
  - name: API_TOKEN
    description: A token, to call the gateway
    required: false
"""


def test_a_manifest_of_the_second_generation_is_read_without_a_word() -> None:
    parsed = parse_manifest(SECOND_GENERATION)
    assert parsed.warnings == ()
    assert [secret.required for secret in parsed.value.secrets] == [False]


def test_our_additions_may_stand_at_the_top_or_in_metadata() -> None:
    top = f"{HEAD}parameters: []\ncategory: agents\nprovides: [llm]\nhardware: {{memory: 2Gi}}\n"
    inside = HEAD.replace(
        "{name: tkt-chat}",
        "{name: tkt-chat, category: agents, provides: [llm], hardware: {memory: 2Gi}}",
    )
    for text in (top, f"{inside}parameters: []\n"):
        manifest = parse_manifest(text).value
        assert (manifest.category, manifest.provides) == ("agents", ("llm",))
        assert manifest.hardware == {"memory": "2Gi"}


def test_dependencies_are_types_or_entries() -> None:
    short = parse_manifest(f"{HEAD}parameters: []\ndependencies: [llm]\n")
    text = "dependencies: [{type: vectors, optional: true, description: Where passages are}]"
    long = parse_manifest(f"{HEAD}parameters: []\n{text}\n")
    assert short.value.dependencies == (Need("llm"),)
    assert long.value.dependencies == (Need("vectors", "Where passages are", optional=True),)


def test_what_is_provided_may_be_written_as_in_the_descriptor() -> None:
    text = "provides: [{type: llm, protocol: openai, path: /v1}]\nhardware: {gpu: none}\n"
    parsed = parse_manifest(f"{HEAD}parameters: []\n{text}")
    assert parsed.warnings == ()
    assert parsed.value.provides == ("llm",)


def test_everything_wrong_is_listed_at_once() -> None:
    text = """\
apiVersion: v2
kind: ThinkubeDeployment
metadata: {name: Big Chat, tags: chat}
metadata: {name: Big Chat, tags: chat}
parameters:
  - {name: author_name, type: str}
  - {name: Model, type: text}
secrets:
  - {name: key}
"""
    assert refused(text) == [
        (
            "manifest.yaml:4: metadata: the key 'metadata' occurs twice "
            "(it stands in line 3 already; keep one of them)"
        ),
        (
            "manifest.yaml:1: apiVersion: 'v2' is not an apiVersion that is known "
            "(write  apiVersion: thinkube.io/v1)"
        ),
        (
            "manifest.yaml:2: kind: this is a 'ThinkubeDeployment', not a TemplateManifest "
            "(write  kind: TemplateManifest)"
        ),
        (
            "manifest.yaml:6: parameters[0].name: author_name is asked for every template "
            "(remove this entry)"
        ),
        (
            "manifest.yaml:7: parameters[1].name: 'Model' is not a usable name "
            "(use small letters, digits and underscores, for example model_id)"
        ),
        (
            "manifest.yaml:7: parameters[1].type: 'text' is no type that exists "
            "(use one of str, int, bool, choice)"
        ),
        (
            "manifest.yaml:9: secrets[0].name: 'key' is not a usable name "
            "(use capital letters, digits and underscores, for example HF_TOKEN)"
        ),
        (
            "manifest.yaml:4: metadata.name: 'Big Chat' is not a usable name "
            "(use small letters, digits and hyphens, for example tkt-rag-agent)"
        ),
        "manifest.yaml:4: metadata.tags: tags must be a list, not 'chat'",
    ]


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        (
            "kind: TemplateManifest\nmetadata: {name: x}\n",
            (
                "manifest.yaml:1: apiVersion: apiVersion is missing "
                "(write  apiVersion: thinkube.io/v1)"
            ),
        ),
        (
            "apiVersion: thinkube.io/v1\nkind: TemplateManifest\n",
            "manifest.yaml:1: metadata: metadata is missing (give at least metadata.name)",
        ),
        (
            with_parameter("type: str"),
            (
                "manifest.yaml:5: parameters[0].name: parameters[0].name is missing "
                "(use small letters, digits and underscores, for example model_id)"
            ),
        ),
        (
            with_parameter("name: x"),
            (
                "manifest.yaml:5: parameters[0].type: parameters[0].type is missing "
                "(use one of str, int, bool, choice)"
            ),
        ),
        (
            with_parameter("name: in, type: str"),
            (
                "manifest.yaml:5: parameters[0].name: in is a word of the template language "
                "(rename it)"
            ),
        ),
        (
            with_parameter("name: x, type: str}\n  - {name: x, type: str"),
            (
                "manifest.yaml:6: parameters[1].name: the parameter x is declared twice "
                "(keep one of them)"
            ),
        ),
        (
            with_parameter("name: x, type: int, default: many"),
            "manifest.yaml:5: parameters[0].default: default must be a whole number, not 'many'",
        ),
        (
            with_parameter("name: x, type: bool, default: perhaps"),
            "manifest.yaml:5: parameters[0].default: default must be true or false, not 'perhaps'",
        ),
        (
            with_parameter("name: x, type: str, default: [a]"),
            "manifest.yaml:5: parameters[0].default: default must be text, not a list",
        ),
        (
            with_parameter("name: x, type: str, pattern: '(a'"),
            (
                "manifest.yaml:5: parameters[0].pattern: '(a' is not a regular expression: "
                "missing ), unterminated subpattern at position 0 (put it in single quotes)"
            ),
        ),
        (
            with_parameter(f"name: x, type: str, pattern: {'a' * 1001}"),
            (
                "manifest.yaml:5: parameters[0].pattern: a pattern of 1001 characters is too long "
                "(use at most 1000)"
            ),
        ),
        (
            with_parameter("name: x, type: str, minLength: 9, maxLength: 2"),
            (
                "manifest.yaml:5: parameters[0].minLength: minLength 9 is more than maxLength 2 "
                "(swap them)"
            ),
        ),
        (
            with_parameter("name: x, type: int, default: 1, min: 9, max: 2"),
            "manifest.yaml:5: parameters[0].min: min 9 is more than max 2 (swap them)",
        ),
        (
            with_parameter("name: x, type: str, minLength: -1"),
            "manifest.yaml:5: parameters[0].minLength: minLength is -1 (use at least 0)",
        ),
        (
            f"{HEAD}parameters: []\nsecrets: [{{name: A}}, {{name: A}}]\n",
            "manifest.yaml:5: secrets[1].name: the secret A is declared twice (keep one of them)",
        ),
        (
            with_parameter("name: hf_token, type: str") + "secrets: [{name: HF_TOKEN}]\n",
            (
                "manifest.yaml:6: secrets[0].name: HF_TOKEN is also what the parameter hf_token is "
                "called for applications (rename one of them)"
            ),
        ),
        (
            f"{HEAD}parameters: []\nhardware: {{gpu: {{count: 1, memory: lots}}}}\n",
            (
                "manifest.yaml:5: hardware.gpu.memory: 'lots' is not a quantity "
                "(write a number and a unit, for example 24Gi)"
            ),
        ),
        (
            f"{HEAD}parameters: []\ncategory: a\n".replace("chat}", "chat, category: b}"),
            (
                "manifest.yaml:5: category: category stands at the top and in metadata "
                "(keep one of them)"
            ),
        ),
        (
            f"{HEAD}parameters: []\nprovides: [LLM]\n",
            (
                "manifest.yaml:5: provides[0]: 'LLM' is not usable here "
                "(name types, for example  provides: [llm])"
            ),
        ),
    ],
)
def test_a_broken_rule_is_named_with_its_place_and_its_mend(text: str, sentence: str) -> None:
    assert refused(text) == [sentence]


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        (
            HEAD,
            (
                "manifest.yaml:1: parameters: parameters is missing; newer platforms want it "
                "(write  parameters: [])"
            ),
        ),
        (
            HEAD.replace("kind: TemplateManifest\n", "") + "parameters:",
            "manifest.yaml:1: kind: kind is missing (write  kind: TemplateManifest)",
        ),
        (
            f"{HEAD}parameters: []\nsecret: []\n",
            "manifest.yaml:5: secret: the key 'secret' means nothing here (did you mean secrets?)",
        ),
        (
            f"{HEAD}parameters: []\nCategory: x\n",
            (
                "manifest.yaml:5: Category: the key 'Category' means nothing here "
                "(did you mean category?)"
            ),
        ),
        (
            with_parameter("name: x, type: choice"),
            (
                "manifest.yaml:5: parameters[0].choices: x is a choice without choices; "
                "any text will do (list them, or name a dynamic_source)"
            ),
        ),
        (
            with_parameter("name: x, type: choice, choices: [a], default: b"),
            (
                "manifest.yaml:5: parameters[0].default: the default 'b' is not among the choices "
                "(add it to them)"
            ),
        ),
        (
            with_parameter("name: x, type: choice, dynamic_source: stars"),
            (
                "manifest.yaml:5: parameters[0].dynamic_source: 'stars' is no source of choices "
                "that is known; it is ignored (use model_catalog)"
            ),
        ),
        (
            with_parameter(
                "name: x, type: choice, dynamic_source: model_catalog, filter: {size: 1}"
            ),
            "manifest.yaml:5: parameters[0].filter.size: the filter 'size' is ignored",
        ),
        (
            with_parameter("name: x, type: int"),
            (
                "manifest.yaml:5: parameters[0].default: x has no default; Thinkube wants one for "
                "a whole number"
            ),
        ),
        (
            with_parameter("name: x, type: int, default: 1, pattern: a"),
            (
                "manifest.yaml:5: parameters[0].pattern: pattern applies to str, and x is int "
                "(remove it)"
            ),
        ),
        (
            with_parameter("name: domain_name, type: str"),
            (
                "manifest.yaml:5: parameters[0].name: domain_name is also set by the platform, "
                "which hides the answer (rename)"
            ),
        ),
        (
            f"{HEAD}parameters:\n" + "".join(f"  - {{name: p{n}, type: str}}\n" for n in "123"),
            (
                "manifest.yaml:4: parameters: 3 parameters are many; a template has at most two of "
                "its own (decide more, or make two templates of it)"
            ),
        ),
    ],
)
def test_what_works_but_deserves_a_look_is_a_warning(text: str, sentence: str) -> None:
    assert sentence in warned(text)


def test_numbers_as_choices_are_taken_as_they_are_written() -> None:
    text = with_parameter("name: python, type: choice, choices: [3.9, 3.10], default: 3.10")
    (parameter,) = parse_manifest(text).value.parameters
    assert parameter == Parameter(
        "python", "choice", default="3.10", choices=("3.9", "3.10"), unknown={}
    )


def test_a_file_that_is_no_yaml_is_no_manifest_either() -> None:
    (sentence,) = refused("a: [")
    assert re.match(r"manifest\.yaml:1: ", sentence)
