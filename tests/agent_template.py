"""A template of the size and kind that people use: 15 questions of every kind, 25 files out."""

from __future__ import annotations

from collections.abc import Mapping

COPIER_YML = """
_subdirectory: template
_envops: {undefined: jinja2.StrictUndefined}
_min_copier_version: "9.0.0"

project_name:
  type: str
  help: Name of the project
  placeholder: legal-qa
  validator: >-
    {% if not (project_name | regex_search('^[a-z][a-z0-9-]*$')) %}
    Use small letters, digits and hyphens, for example legal-qa
    {% endif %}
project_title: {type: str, default: "{{ project_name | replace('-', ' ') | title }}"}
project_description: {type: str, default: "", multiline: true}
author_name: {type: str, default: Ada}
module_name: {type: str, when: false, default: "{{ project_name | replace('-', '_') }}"}
gpus: {type: int, default: 2, validator: "{% if not 0 <= gpus <= 8 %}Between 0 and 8{% endif %}"}
model:
  type: str
  choices:
    Small: small-1b
    Large: {value: large-70b, validator: "{% if gpus < 2 %}Needs two GPUs{% endif %}"}
    Medium: medium-8b
  default: small-1b
temperature: {type: float, default: 0.7}
tracing: {type: bool, default: false}
tracing_host: {type: str, default: "https://trace.{{ project_name }}.test", when: "{{ tracing }}"}
formats: {type: str, multiselect: true, choices: [pdf, txt, md, html], default: "[pdf, md]"}
limits: {type: yaml, default: {chunk: 512, overlap: [64, 32]}}
headers: {type: json, default: '{"x-team": "ai"}'}
data_dir: {type: path, default: data/in}
api_token: {type: str, secret: true, default: ""}
port: 8000
"""

_ANSWERS = "template/{{ _copier_conf.answers_file }}.jinja"


def agent_template() -> Mapping[str, str | bytes]:
    """Return the template's files by path."""
    modules = {
        f"template/{{{{ module_name }}}}/part_{number}.py.jinja": _module(number)
        for number in range(12)
    }
    return {
        "copier.yml": COPIER_YML,
        "README.md": "# For the person choosing\n",
        _ANSWERS: "# Changes here are overwritten.\n{{ _copier_answers | to_nice_yaml }}",
        **modules,
        "template/README.md.jinja": _README,
        "template/Containerfile": "FROM scratch\nCOPY . /app\n",
        "template/run.sh": "#!/bin/sh\nexec python -m app\n",
        "template/settings.yaml.jinja": _SETTINGS,
        "template/.env.example.jinja": "PORT={{ port }}\nHOST={{ tracing_host | default('') }}\n",
        "template/{% if tracing %}tracing{% endif %}/setup.py.jinja": "{{ tracing_host }}\n",
        "template/{{ data_dir }}/.keep": "",
        "template/logo.png": bytes(range(256)),
        "template/windows.txt.jinja": "a {{ port }}\r\nb\r\n",
        "template/bom.txt.jinja": "\ufeff{{ project_title }}\n",
        "template/static/{{ project_name }}.css.jinja": "/* {{ author_name }} */\n",
        "template/docs/{% yield f from formats %}{{ f }}{% endyield %}.md.jinja": "{{ f }}\n",
        "template/thinkube.yaml": _DESCRIPTOR,
        "template/requirements.txt": "fastapi==0.165.0\n",
        "template/tests/test_app.py": "def test_app() -> None:\n    assert True\n",
    }


EXECUTABLE = ("template/run.sh",)


def _module(number: int) -> str:
    lines = [f"# Part {number} of {{{{ project_title }}}}"]
    lines += [f"VALUE_{line} = {line}  # {{{{ model }}}}" for line in range(20)]
    lines += ["{% for item in formats -%}", "FORMAT_{{ item | upper }} = True", "{% endfor %}"]
    return "\n".join(lines) + "\n"


_README = """# {{ project_title }}

{{ project_description or 'An agent.' }} By {{ author_name }}.

{% if tracing %}Traces go to {{ tracing_host }}.{% else %}Nothing is traced.{% endif %}
"""

_SETTINGS = """model: {{ model | to_json }}
gpus: {{ gpus }}
temperature: {{ temperature }}
limits: {{ limits | to_json }}
headers: {{ headers | to_json }}
formats: {{ formats | join(',') }}
"""

_DESCRIPTOR = """apiVersion: thinkube.io/v1
kind: ThinkubeDeployment
metadata:
  name: "{{ project_name }}"
spec:
  containers:
    - name: app
      build: .
      port: 8000
      size: small
      health: /health
  routes:
    - path: /
      to: app
"""
