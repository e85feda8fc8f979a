"""A catalogue of small templates whose applications come up within seconds, or fail."""

from __future__ import annotations

import json
from pathlib import Path

from tests.folders import write_folder

COPIER = """
_subdirectory: template
_envops: {undefined: jinja2.StrictUndefined}
project_name:
  type: str
  help: Name of the project
  placeholder: hello
  validator: >-
    {% if not (project_name | regex_search('^[a-z][a-z0-9-]*$')) %}
    Use small letters, digits and hyphens, for example hello
    {% endif %}
greeting: {type: str, help: What it says, default: "Hello from {{ project_name }}"}
tone: {type: str, help: How it says so, choices: [friendly, formal], default: friendly}
tracing: {type: bool, help: Whether traces are sent, default: false}
tracing_host:
  {type: str, help: Where traces are sent, default: "https://trace.test", when: "{{ tracing }}"}
"""

APP = """
import http.server, os, sys, time
print("coming up with", repr({greeting!r}), flush=True)
{extra}
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        body = {greeting!r}.encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
    def log_message(self, *_):
        pass
print("listening", flush=True)
http.server.ThreadingHTTPServer(("127.0.0.1", int(os.environ["PORT"])), Handler).serve_forever()
"""

DESCRIPTOR = """
apiVersion: thinkube.io/v1
kind: ThinkubeDeployment
metadata: {name: "{{ project_name }}"}
spec:
  deployment: {type: app}
  containers:
    - name: web
      build: .
      port: 8080
      size: small
      health: /health
      dev: {command: python3 app.py}
  routes: [{path: /, to: web}]
"""

README = """# {title}

Says what you tell it to.

## What you get

A page that greets. It has no dependencies.

## Not for

Anything serious: it greets, nothing else.
"""

MODELS = """
apiVersion: thinkube.io/v1
kind: TemplateManifest
metadata:
  {name: tkt-model-server, title: Model server, version: 0.1.0, category: inference,
   description: Serves an open model on a GPU, author: Platform team, tags: [vllm]}
parameters:
  - {name: model_id, type: str, description: The model to serve, dynamic_source: model_catalog,
     filter: {server_type: vllm}}
secrets:
  - {name: HF_TOKEN, description: Token of the model hub, required: false}
"""

TEMPLATES = {
    "tkt-hello": ("Hello page", "applications", "Greets everybody who comes by", ["web", "python"]),
    "tkt-slow": ("Slow starter", "applications", "Takes its time to come up", ["web"]),
    "tkt-broken": ("Broken page", "tools", "Fails at start, to see what is said then", ["web"]),
    "tkt-model-server": ("Model server", "inference", "Serves an open model on a GPU", ["vllm"]),
    "tkt-oracle": ("Oracle", "inference", "Answers whatever it is asked", ["llm"]),
    "tkt-guestbook": ("Guest book", "applications", "Greets, and gets newer releases", ["web"]),
    "tkt-asker": ("Asker", "applications", "Asks an oracle, and talks a lot meanwhile", ["web"]),
}
_EXTRA = {
    "tkt-asker": """
import threading
def talk():
    for number in range(1_000_000):
        sys.stdout.write(f"{os.environ.get('LLM_BASE_URL')} word {number}\\n")  # whole lines
        sys.stdout.flush()
        time.sleep(0.25)
threading.Thread(target=talk, daemon=True).start()
""",
    "tkt-slow": "time.sleep(6)",
    "tkt-broken": "print('no database at db:5432', file=sys.stderr, flush=True); sys.exit(3)",
}

_SPEC = {
    "tkt-oracle": "  provides: [{type: llm, container: web, path: /v1}]\n",
    "tkt-asker": """\
    - name: second
      build: .
      port: 8081
      size: small
      health: /health
      dev: {command: python3 app.py}
  dependencies: [{name: oracle, type: llm, env: LLM_BASE_URL}]
""",
}
"""What the descriptors of some have besides, before their routes."""


_SECRETS = {
    "tkt-slow": "secrets: [{name: STARTER_KEY, description: Starts nothing, required: false}]\n",
}


def write_catalogue(folder: Path, models: Path) -> Path:
    """Write the catalogue and its templates; return the folder of `repositories.json`."""
    entries = []
    for name, (title, category, description, tags) in TEMPLATES.items():
        write_folder(folder / name, _files(name, title, category, description))
        entries.append(
            {
                "name": name,
                "title": title,
                "org": "thinkube-templates",
                "full_name": f"thinkube-templates/{name}",
                "description": description,
                "type": "application_template",
                "category": category,
                "tags": tags,
                "deployment_type": "app",
                "source": f"../{name}",
            }
        )
    document = {
        "version": "1.0.0",
        "description": "For tests",
        "repositories": entries,
        "categories": {
            "applications": "Web applications",
            "tools": "Tools",
            "inference": "Model inference",
        },
    }
    catalog = folder / "catalog"
    write_folder(
        catalog,
        {"repositories.json": json.dumps(document), "models.json": models.read_text("utf-8")},
    )
    return catalog


NOTES = """# Changelog

## 0.2.0

- Says good-bye in words of your own.
- Tells where it listens.

## 0.1.0

The first.
"""


def newer(name: str) -> dict[str, str]:
    """Return the files with which a template's next release differs from its first."""
    files = _files(name, *TEMPLATES[name][:3])
    texts = {path: text for path, text in files.items() if isinstance(text, str)}
    question = 'farewell: {type: str, help: What it says at the end, default: "Good-bye"}\n'
    return {
        "manifest.yaml": texts["manifest.yaml"].replace("0.1.0", "0.2.0"),
        "copier.yml": texts["copier.yml"] + question,
        "template/app.py.jinja": texts["template/app.py.jinja"].replace(
            'print("listening", flush=True)',
            'print("listening on", os.environ["PORT"], flush=True)',
        ),
        "template/README.md.jinja": texts["template/README.md.jinja"] + "\nThen: {{ farewell }}\n",
        "CHANGELOG.md": NOTES,
    }


def _files(name: str, title: str, category: str, description: str) -> dict[str, str | bytes]:
    app = APP.replace(
        "{greeting!r}", '"""{{ greeting }}"""' if name != "tkt-model-server" else '"x"'
    ).replace("{extra}", _EXTRA.get(name, ""))
    if name == "tkt-model-server":
        return {
            "manifest.yaml": MODELS,
            "README.md": README.format(title=title),
            "thinkube.yaml": DESCRIPTOR.replace('"{{ project_name }}"', '"{{ project_name }}"'),
            "app.py": app,
        }
    manifest = (
        "apiVersion: thinkube.io/v1\nkind: TemplateManifest\nmetadata:\n"
        f"  {{name: {name}, title: {title}, version: 0.1.0, category: {category}, "
        f"description: '{description}', author: Platform team, tags: [web]}}\nparameters: []\n"
        f"{_SECRETS.get(name, '')}"
    )
    return {
        "copier.yml": COPIER,
        "manifest.yaml": manifest,
        "README.md": README.format(title=title),
        "template/app.py.jinja": app,
        "template/thinkube.yaml": DESCRIPTOR.replace(
            "  routes:", f"{_SPEC.get(name, '')}  routes:"
        ),
        "template/README.md.jinja": "# {{ project_name }}\n\nSays {{ greeting }}, {{ tone }}.\n"
        "{% if tracing %}Traces go to {{ tracing_host }}.\n{% endif %}",
        "template/{{ _copier_conf.answers_file }}.jinja": "{{ _copier_answers | to_nice_yaml }}",
    }
