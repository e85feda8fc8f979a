"""Descriptors of both generations: what is accepted, what is said about what is not."""

from __future__ import annotations

import pytest
from hypothesis import given

from tests.builders import a_container, a_descriptor
from tests.strategies import descriptors
from tests.written import descriptor_text
from thinkube_catalog.domain.descriptor import (
    Container,
    Dependency,
    Descriptor,
    DescriptorInvalidError,
    Dev,
    Gpu,
    Mount,
    Provision,
    Route,
    Service,
    Variable,
    agreement_problems,
    parse_descriptor,
)
from thinkube_catalog.domain.manifest import SecretDeclaration, TemplateManifest

HEAD = "apiVersion: thinkube.io/v1\nkind: ThinkubeDeployment\n"


def refused(text: str) -> list[str]:
    with pytest.raises(DescriptorInvalidError) as caught:
        parse_descriptor(text)
    return [str(problem) for problem in caught.value.problems]


def warned(text: str) -> list[str]:
    return [str(warning) for warning in parse_descriptor(text).warnings]


def spec(text: str) -> str:
    return f"{HEAD}spec: {{{text}}}\n"


def with_container(text: str, more: str = "") -> str:
    """Write a descriptor with one container, on line 3, of port 8000."""
    return spec(f"containers: [{{name: app, build: ., port: 8000, {text}}}], {more}")


def container(text: str) -> Container:
    (read,) = parse_descriptor(with_container(text)).value.containers
    return read


def test_a_descriptor_says_how_a_project_runs() -> None:
    parsed = parse_descriptor(descriptor_text(a_descriptor()))
    assert parsed.warnings == ()
    assert parsed.value == a_descriptor()


@given(descriptor=descriptors())
def test_every_descriptor_survives_being_written_and_read(descriptor: Descriptor) -> None:
    assert parse_descriptor(descriptor_text(descriptor)).value == descriptor


FIRST_GENERATION = """\
apiVersion: thinkube.io/v1
kind: ThinkubeDeployment
metadata:
  name: "{{ project_name }}"

spec:
  volumes:
    - name: models
      persistentVolumeClaim: {claimName: models}
  containers:
    - name: server
      build: .
      port: 7860
      size: xlarge
      health: /
      ipc: host
      volumeMounts:
        - {name: models, mountPath: /models, readOnly: true}
      gpu:
        count: 1
        memory: "20Gi"
      environment:
        - name: STORE
          value: "{{ store_address }}"
        - name: STORE_KEY
          valueFrom: {secretKeyRef: {name: store, key: password}}
        - name: STORE_REGION
          valueFrom: {configMapKeyRef: {name: store, key: region}}
      migrations: {tool: alembic, auto: true}
      test:
        image: "python-base:3.12-slim"
        command: "./run_tests.sh"
  routes:
    - path: /
      to: server"""


def test_a_descriptor_of_the_first_generation_is_read_and_its_old_keys_are_kept() -> None:
    parsed = parse_descriptor(FIRST_GENERATION)
    (server,) = parsed.value.containers
    assert (server.gpu, server.health, server.build) == (Gpu(1, 20), "/", ".")
    assert server.test is not None
    assert server.test.enabled
    assert server.unknown["ipc"] == "host"
    assert "volumes" in parsed.value.unknown
    assert server.environment[1:] == (
        Variable("STORE_KEY", secret="store", key="password"),
        Variable("STORE_REGION", config_map="store", key="region"),
    )
    old = "is an older key; it is kept and has no effect"
    place = "thinkube.yaml:{}: spec.containers[0]."
    assert [str(warning) for warning in parsed.warnings] == [
        (
            f"{place.format(24)}environment[0].value: '{{{{ store_address }}}}' is not filled in "
            "(write the value itself)"
        ),
        f"{place.format(16)}ipc: ipc {old}",
        f"{place.format(17)}volumeMounts: volumeMounts {old}",
        f"thinkube.yaml:7: spec.volumes: volumes {old}",
    ]


SECOND_GENERATION = """\
# A licence header

apiVersion: thinkube.io/v1
kind: ThinkubeDeployment
metadata:
  # The application's version
  version: "0.1.0"

spec:
  deployment:
    type: app
  containers:
    - name: backend
      build: ./backend
      buildSize: medium
      port: 8000
      health: /health
      capabilities:
        - large-uploads
      publicEnv: [APP_TITLE]
      test:
        enabled: true
        command: "./run_tests.sh"
        one: "./run_tests.sh <file>"
    - name: worker
      build: ./backend
  routes:
    - path: /api
      to: backend
  services:
    - database
    # a comment between
    - workflows
  dependencies:
    - {name: gateway, type: llm-proxy, env: GATEWAY_URL}
  env:
    - name: MODEL
      description: "What is called; it must be loaded"
      default: "acme/tiny"
    - name: LATER
"""


def test_a_descriptor_of_the_second_generation_is_read_without_a_word() -> None:
    parsed = parse_descriptor(SECOND_GENERATION)
    assert parsed.warnings == ()
    assert [each.build for each in parsed.value.containers] == ["backend", "backend"]
    assert parsed.value.services == (Service("database"), Service("workflows"))
    assert parsed.value.dependencies == (Dependency("gateway", "llm-proxy", "GATEWAY_URL"),)
    assert [variable.value for variable in parsed.value.env] == ["acme/tiny", None]


UNDEPLOYED = """\
apiVersion: thinkube.io/v1
kind: ThinkubeDeployment
spec:
  deployment: {type: none}
  parts:
    - {root: ., test: {one: 'run <file>'}}
  deploy: {run: sh deploy.sh}
  verify: {still: [a]}
  docs: {root: docs}
"""


def test_a_repository_that_nobody_deploys_needs_no_container() -> None:
    parsed = parse_descriptor(UNDEPLOYED)
    assert parsed.warnings == ()
    assert set(parsed.value.unknown) == {"parts", "deploy", "verify", "docs"}


def test_what_thinkube_documents_and_ignores_is_read() -> None:
    read = container("mounts: ['models:/models'], schedule: '0 3 * * *', capabilities: []")
    assert (read.mounts, read.schedule) == ((Mount("models", "/models"),), "0 3 * * *")
    named = parse_descriptor(with_container("size: small", "services: ['database:history']"))
    assert named.value.services == (Service("database", "history"),)


def test_our_additions_are_read() -> None:
    text = with_container(
        "dev: {command: 'uvicorn main:app --port $PORT', requirements: ./requirements.txt}, "
        "ready: /ready, health: /health",
        "provides: [{type: llm, path: /v1, protocol: openai}], "
        "dependencies: [{name: a, type: llm, env: A, optional: true, "
        "api_key_env: A_KEY, model_env: A_MODEL}]",
    )
    read = parse_descriptor(text).value
    assert read.containers[0].dev == Dev("uvicorn main:app --port $PORT", "requirements.txt")
    assert read.containers[0].ready == "/ready"
    assert read.provides == (Provision("llm", "", "/v1", "openai"),)
    assert read.dependencies == (Dependency("a", "llm", "A", True, "A_KEY", "A_MODEL"),)
    job = parse_descriptor(spec("containers: [{name: a, build: ., job: true}]"))
    assert job.value.containers[0].job


@pytest.mark.parametrize(
    ("memory", "gibibytes"),
    [("20Gi", 20), ("20GiB", 20), ("20480Mi", 20), ("1.5Gi", 2), ("40GB", 38), ("1Ti", 1024)],
)
def test_gpu_memory_is_read_in_any_unit_and_rounded_up(memory: str, gibibytes: int) -> None:
    assert container(f"gpu: {{count: 2, memory: '{memory}'}}").gpu == Gpu(2, gibibytes)


def test_a_gpu_count_alone_is_enough() -> None:
    assert container("gpu: {count: 1}").gpu == Gpu(1, 0)
    assert container("gpu: {count: 0, memory: 8Gi}").gpu is None


def test_values_of_variables_are_text_as_written() -> None:
    read = container("environment: [{name: A, value: 1.10}, {name: B, value: yes}, {name: C}]")
    assert [variable.value for variable in read.environment] == ["1.10", "yes", ""]


def test_everything_wrong_is_listed_at_once() -> None:
    text = """\
apiVersion: thinkube.io/v1
kind: ThinkubeDeployment
spec:
  deployment: {type: knativ, replicas: -1}
  containers:
    - name: API
      build: ../secrets
      port: 0
      health: health
    - name: web
      build: /etc
      build: C:\\web
  routes: [{path: api, to: web}]
  services: [[database]]
  dependencies: [{name: x}]
"""
    label = "(use small letters, digits and hyphens, starting with a letter, for example api)"
    inside = "(name it relative to the project's folder, for example ./api)"
    assert refused(text) == [
        (
            "thinkube.yaml:12: spec.containers[1].build: the key 'build' occurs twice "
            "(it stands in line 11 already; keep one of them)"
        ),
        (
            "thinkube.yaml:4: spec.deployment.type: 'knativ' is no type that exists "
            "(did you mean knative?)"
        ),
        "thinkube.yaml:4: spec.deployment.replicas: replicas is -1 (use at least 0)",
        f"thinkube.yaml:6: spec.containers[0].name: 'API' is not a usable name {label}",
        (
            "thinkube.yaml:7: spec.containers[0].build: '../secrets' does not stay inside the "
            f"project {inside}"
        ),
        "thinkube.yaml:8: spec.containers[0].port: port is 0 (use 1 to 65535)",
        (
            "thinkube.yaml:9: spec.containers[0].health: 'health' is not a usable health "
            "(start it with one slash, for example /health)"
        ),
        (
            "thinkube.yaml:12: spec.containers[1].build: 'C:\\\\web' does not stay inside the "
            f"project {inside}"
        ),
        (
            "thinkube.yaml:13: spec.routes[0].path: 'api' is not a usable path "
            "(start it with one slash, for example /api)"
        ),
        "thinkube.yaml:14: spec.services[0]: a list stands where text is wanted",
        (
            "thinkube.yaml:15: spec.dependencies[0].type: spec.dependencies[0].type is missing "
            "(for example llm, embeddings or vectors)"
        ),
        (
            "thinkube.yaml:15: spec.dependencies[0].env: spec.dependencies[0].env is missing "
            "(use letters, digits and underscores, for example MODEL_URL)"
        ),
    ]


PLACE = "thinkube.yaml:3: spec.containers[0]."
KNATIVE = "deployment: {type: knative}"
APP = "(use  type: app)"


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        (HEAD, "thinkube.yaml:1: spec: spec is missing (give at least spec.containers)"),
        (
            "kind: TemplateManifest\nspec: {containers: [{name: a}]}",
            (
                "thinkube.yaml:1: kind: this is a 'TemplateManifest', not a ThinkubeDeployment "
                "(write  kind: ThinkubeDeployment)"
            ),
        ),
        (
            spec("deployment: {type: app}"),
            "thinkube.yaml:3: spec.containers: there is no container (give at least one)",
        ),
        (
            spec("containers: [{name: a}, {name: a}]"),
            (
                "thinkube.yaml:3: spec.containers[1].name: there are two containers 'a' "
                "(rename one of them)"
            ),
        ),
        (
            with_container("size: small", KNATIVE).replace("}], ", "}, {name: b}], "),
            (
                f"thinkube.yaml:3: spec.containers: a knative service has one container, and there "
                f"are 2 {APP}"
            ),
        ),
        *(
            (
                with_container(text, KNATIVE),
                f"{PLACE}{name}: a knative service cannot have {name} {APP}",
            )
            for name, text in {
                "gpu": "gpu: {count: 1, memory: 8Gi}",
                "mounts": "mounts: ['a:/b']",
                "migrations": "migrations: {tool: alembic}",
                "capabilities": "capabilities: [large-uploads]",
            }.items()
        ),
        (
            spec(f"{KNATIVE}, containers: [{{name: a, schedule: '@daily'}}]"),
            f"{PLACE}schedule: a knative service cannot have schedule {APP}",
        ),
        (
            with_container("size: small", f"{KNATIVE}, services: [storage]"),
            f"thinkube.yaml:3: spec.services: a knative service cannot have storage {APP}",
        ),
        (
            with_container("size: small", f"{KNATIVE}, services: [workflows]"),
            f"thinkube.yaml:3: spec.services: a knative service cannot have workflows {APP}",
        ),
        (
            with_container("size: small", "deployment: {type: knative, replicas: 2}"),
            (
                "thinkube.yaml:3: spec.deployment.replicas: a knative service has no replicas "
                "(use minScale and maxScale)"
            ),
        ),
        (
            with_container("size: small", "deployment: {type: knative, timeoutSeconds: 901}"),
            (
                "thinkube.yaml:3: spec.deployment.timeoutSeconds: timeoutSeconds is 901 "
                "(use 1 to 900)"
            ),
        ),
        (
            with_container("size: small", "deployment: {type: knative, minScale: 4, maxScale: 2}"),
            (
                "thinkube.yaml:3: spec.deployment.minScale: minScale 4 is more than maxScale 2 "
                "(swap them)"
            ),
        ),
        (
            with_container("size: small", "deployment: {type: component}"),
            (
                "thinkube.yaml:3: spec.deployment.name: a component has no name "
                "(components have a fixed name; write it there)"
            ),
        ),
        (
            with_container("size: small", "deployment: {type: component, name: My App}"),
            (
                "thinkube.yaml:3: spec.deployment.name: 'My App' is not a usable name "
                "(use small letters, digits and hyphens, starting with a letter, for example api)"
            ),
        ),
        (
            with_container("buildSize: huge"),
            (
                f"{PLACE}buildSize: 'huge' is no buildSize that exists "
                "(use one of small, medium, large, xlarge)"
            ),
        ),
        (
            with_container("gpu: {count: 1, memory: plenty}"),
            (
                f"{PLACE}gpu.memory: 'plenty' is not an amount of memory "
                "(write a number and a unit, for example 24Gi)"
            ),
        ),
        (
            with_container("health: //elsewhere.example.org/x"),
            (
                f"{PLACE}health: '//elsewhere.example.org/x' is not a usable health "
                "(start it with one slash, for example /health)"
            ),
        ),
        (
            with_container("ready: '/a b'"),
            (
                f"{PLACE}ready: '/a b' is not a usable ready "
                "(start it with one slash, for example /health)"
            ),
        ),
        (
            with_container("volume: data"),
            f"{PLACE}volume: 'data' is not an absolute path (for example /data)",
        ),
        (
            with_container("volume: /data/../etc"),
            f"{PLACE}volume: '/data/../etc' has dots for folders (for example /data)",
        ),
        (
            with_container("mounts: [models]"),
            (
                f"{PLACE}mounts[0]: '' is not an absolute path "
                "(write name:/path, for example models:/data)"
            ),
        ),
        (
            with_container("mounts: ['M:/data']"),
            (
                f"{PLACE}mounts[0]: 'M:/data' has no usable name "
                "(write name:/path, for example models:/data)"
            ),
        ),
        (
            with_container("mounts: ['a:/data', 'b:/data']"),
            f"{PLACE}mounts: /data is mounted twice (use another path)",
        ),
        (
            spec("containers: [{name: a, schedule: '61 * * * *'}]"),
            (
                f"{PLACE}schedule: minute '61' is not in 0 to 59 "
                "(write minute, hour, day, month and weekday, for example  0 3 * * *)"
            ),
        ),
        (
            spec("containers: [{name: a, schedule: '@daily', job: true}]"),
            f"{PLACE}job: a job runs once, a schedule again and again (remove one of them)",
        ),
        (
            with_container("publicEnv: [app_title]"),
            (
                f"{PLACE}publicEnv[0]: 'app_title' is not usable here "
                "(use letters, digits and underscores, for example MODEL_URL)"
            ),
        ),
        (
            with_container("environment: [{name: 2X, value: a}]"),
            (
                f"{PLACE}environment[0].name: '2X' is not a usable name "
                "(use letters, digits and underscores, for example MODEL_URL)"
            ),
        ),
        (
            with_container("dev: {requirements: r.txt}"),
            (
                f"{PLACE}dev.command: spec.containers[0].dev.command is missing "
                "(for example  uvicorn main:app --port $PORT)"
            ),
        ),
        (
            with_container('dev: {command: "run \'it"}'),
            (
                f'{PLACE}dev.command: "run \'it" cannot be split: No closing quotation '
                "(close the quote)"
            ),
        ),
        (
            with_container("dev: {command: run, requirements: ../../r.txt}"),
            (
                f"{PLACE}dev.requirements: '../../r.txt' does not stay inside the project "
                "(name it relative to the project's folder, for example ./api)"
            ),
        ),
        (
            with_container("size: small", "services: ['database:Big']"),
            (
                "thinkube.yaml:3: spec.services[0]: 'Big' is not a usable name "
                "(for example database:history)"
            ),
        ),
        (
            with_container("size: small", "provides: [{type: llm, container: web}]"),
            (
                "thinkube.yaml:3: spec.provides[0].container: web is no container of this project "
                "(name one of spec.containers)"
            ),
        ),
        (
            spec("containers: [{name: a}], provides: [{type: llm}]"),
            (
                "thinkube.yaml:3: spec.provides[0].container: llm is provided by a container that "
                "serves nothing (give it a port)"
            ),
        ),
        (
            with_container(
                "size: small",
                "dependencies: [{name: a, type: t, env: A}, {name: b, type: t, env: A}]",
            ),
            (
                "thinkube.yaml:3: spec.dependencies[1]: A is set by two dependencies "
                "(use another name)"
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
            "kind: ThinkubeDeployment\nspec: {containers: [{name: a}]}",
            (
                "thinkube.yaml:1: apiVersion: apiVersion should be thinkube.io/v1 "
                "(write  apiVersion: thinkube.io/v1)"
            ),
        ),
        (
            "apiVersion: thinkube.io/v1\nspec: {containers: [{name: a}]}",
            "thinkube.yaml:1: kind: kind is missing (write  kind: ThinkubeDeployment)",
        ),
        (
            with_container("size: small").replace("spec:", "metadata: {name: My App}\nspec:"),
            "thinkube.yaml:3: metadata.name: 'My App' is no usable name; the project's own is used",
        ),
        (
            with_container("size: small").replace("spec:", "metadata: {version: '2'}\nspec:"),
            (
                "thinkube.yaml:3: metadata.version: '2' is not a version "
                "(write three numbers, for example 1.4.0)"
            ),
        ),
        (
            with_container("environment: [{name: A, value: '{{domain_name}}'}]"),
            (
                f"{PLACE}environment[0].value: '{{{{domain_name}}}}' is not filled in "
                "(write {{ domain_name }})"
            ),
        ),
        (
            with_container("heatlh: /"),
            f"{PLACE}heatlh: the key 'heatlh' means nothing here (did you mean health?)",
        ),
        (
            with_container("size: huge"),
            (
                f"{PLACE}size: 'huge' is no size that exists; it counts as small "
                "(use one of small, medium, large, xlarge)"
            ),
        ),
        (
            with_container("gpu: {count: 1, memory: 24}"),
            f"{PLACE}gpu.memory: 24 has no unit; GiB are assumed (write 24Gi)",
        ),
        (
            with_container("gpu: {memory: 24Gi}"),
            f"{PLACE}gpu.count: count is missing; one GPU is assumed (write  count: 1)",
        ),
        (
            with_container("test: {enabled: true}"),
            f"{PLACE}test.command: there is no command to test with; nothing is tested",
        ),
        (
            with_container("migrations: {tool: flyway}"),
            (
                f"{PLACE}migrations.tool: migrations by 'flyway' are not run by the platform "
                "(only alembic is known)"
            ),
        ),
        (
            with_container("environment: [{name: A, valueFrom: {fieldRef: {}}}]"),
            (
                f"{PLACE}environment[0].valueFrom: A has a source that is not supported; it is "
                "left out (use secretKeyRef or configMapKeyRef)"
            ),
        ),
        (
            with_container("capabilities: [teleport]"),
            (
                f"{PLACE}capabilities[0]: 'teleport' is no capability that exists; it has no "
                "effect (there is large-uploads)"
            ),
        ),
        (
            with_container("schedule: '@daily'"),
            f"{PLACE}port: what runs on a schedule serves nothing (remove the port)",
        ),
        (
            spec("containers: [{name: a, health: /}]"),
            f"{PLACE}port: there is a health path and no port; 8080 is assumed (state the port)",
        ),
        (
            with_container("ready: /r"),
            f"{PLACE}health: there is a readiness path and no health path (give both)",
        ),
        (
            spec("containers: [{name: a-very-long-container-name}]"),
            (
                f"{PLACE}name: 'a-very-long-container-name' is long; with a long project name it "
                "will not fit (use at most 22 characters)"
            ),
        ),
        (
            with_container("size: small", "routes: [{path: /, to: web}]"),
            (
                "thinkube.yaml:3: spec.routes[0].to: / leads to web, which is no container; it is "
                "left out (there are app)"
            ),
        ),
        (
            spec("containers: [{name: a}], routes: [{path: /, to: a}]"),
            (
                "thinkube.yaml:3: spec.routes[0].to: / leads to a, which serves nothing; it is "
                "left out (give that container a port)"
            ),
        ),
        (
            with_container("size: small", "routes: [{path: /, to: app}, {path: /, to: app}]"),
            "thinkube.yaml:3: spec.routes[1].path: / is routed already; the first route counts",
        ),
        (
            with_container("size: small", "services: [postgres]"),
            (
                "thinkube.yaml:3: spec.services[0]: 'postgres' is no platform service; it is "
                "ignored (there are database, cache, queue, storage, workflows)"
            ),
        ),
        (
            with_container("size: small", "deployment: {minScale: 1}"),
            (
                "thinkube.yaml:3: spec.deployment.minScale: minScale applies to knative, and "
                "this is app (remove it)"
            ),
        ),
        (
            with_container("size: small", "env: [{name: A}, {name: A}]"),
            "thinkube.yaml:3: spec.env[1].name: A is given twice; the later one counts",
        ),
    ],
)
def test_what_works_but_deserves_a_look_is_a_warning(text: str, sentence: str) -> None:
    assert sentence in warned(text)


@pytest.mark.parametrize(
    "text",
    [
        with_container("size: '" + "{{" * 200_000 + "'"),
        with_container("size: '" + "{{ x }} " * 50_000 + "'"),
        with_container(f"mounts: [{', '.join(f'm:/{n}' for n in range(20_000))}]"),
        spec("containers: [{name: a}], " + ", ".join(f"odd{n}: 1" for n in range(20_000))),
        spec(f"containers: [{', '.join(f'{{name: a{n}}}' for n in range(9_000))}]"),
    ],
    ids=["open marks", "many marks", "many mounts", "many unknown keys", "many containers"],
)
def test_a_file_made_to_keep_the_reader_busy_is_over_soon(text: str) -> None:
    try:
        said = parse_descriptor(text).warnings  # the suite's time limit would end what hangs
    except DescriptorInvalidError as error:
        said = error.problems
    assert len(said) <= 201


def test_a_project_of_too_many_containers_is_refused() -> None:
    names = ", ".join(f"{{name: a{n}}}" for n in range(51))
    assert refused(spec(f"containers: [{names}]")) == [
        "thinkube.yaml:3: spec.containers: 51 containers are too many (use at most 50)"
    ]


def test_a_route_that_leads_nowhere_is_left_to_the_reader() -> None:
    read = parse_descriptor(with_container("size: small", "routes: [{path: /, to: web}]")).value
    assert read.routes == (Route("/", "web"),)


def test_a_secret_in_public_variables_is_refused() -> None:
    manifest = TemplateManifest("tkt-chat", secrets=(SecretDeclaration("LLM_API_KEY"),))
    descriptor = a_descriptor(containers=(a_container(public_env=("APP_TITLE", "LLM_API_KEY")),))
    assert [str(problem) for problem in agreement_problems(manifest, descriptor)] == [
        (
            "thinkube.yaml: spec.containers[0].publicEnv: publicEnv of app names the secret "
            "LLM_API_KEY (remove it there; what publicEnv names can be read by every visitor)"
        )
    ]
    assert agreement_problems(manifest, a_descriptor()) == []
