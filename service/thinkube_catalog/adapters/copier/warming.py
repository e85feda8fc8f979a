"""One throw-away render of a template of our own, so that everything a render needs is hot."""

from __future__ import annotations

import tempfile
from pathlib import Path

from thinkube_catalog.adapters.copier import jobs

_FILES = {
    "copier.yml": """
_subdirectory: template
_envops:
  undefined: jinja2.StrictUndefined
project_name: {type: str, help: Name, placeholder: "e.g. a-{{ 'name' }}", default: warm,
  validator: "{% if not project_name %}wanted{% endif %}"}
count: {type: int, default: 3}
ratio: {type: float, default: 0.5}
flag: {type: bool, default: true, when: "{{ count > 1 }}"}
conf: {type: yaml, default: {a: [1, 2]}, multiline: true}
more: {type: json, default: "[1]"}
place: {type: path, default: a/b}
pick:
  type: str
  choices: {One: one, Two: {value: two, validator: "{% if count > 9 %}too many{% endif %}"}}
  default: one
some: {type: str, multiselect: true, choices: [x, y, z], default: "[x]"}
hidden: {type: str, when: false, default: "{{ project_name | upper }}"}
""",
    "template/{{ project_name }}.txt.jinja": "{% for n in range(count) %}{{ n }}{% endfor %}\n",
    "template/{% if flag %}extra{% endif %}/plain.txt": "plain\n",
    "template/macro.md.jinja": "{% macro m(x) %}{{ x | to_nice_yaml }}{% endmacro %}{{ m(conf) }}",
    "template/{{ _copier_conf.answers_file }}.jinja": "{{ _copier_answers | to_nice_yaml }}",
}


def warm() -> None:
    """Evaluate and render once. Raises whatever is wrong with the installation."""
    with tempfile.TemporaryDirectory() as folder:
        template = Path(folder, "warm")
        for name, text in _FILES.items():
            path = template / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
        release = {"location": folder, "version": "v1.0.0", "commit": "0" * 40}
        evaluated = jobs.answer({**_job("evaluate", template), "release": release})
        rendered = jobs.answer(
            {
                **_job("render", template),
                "release": release,
                "destination": str(Path(folder, "out")),
            },
        )
        for reply in (evaluated, rendered):
            if "faults" in reply or reply.get("problems"):
                message = f"the render server cannot render: {reply}"
                raise RuntimeError(message)


def _job(verb: str, template: Path) -> dict[str, object]:
    return {"do": verb, "template": str(template), "raw": {"count": "4"}, "variables": {}}
