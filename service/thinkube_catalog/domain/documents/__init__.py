"""Documents: reading YAML and JSON files that strangers wrote, with a place for every problem.

`read_yaml` and `read_json` turn text into a `Document`; `Fields` walks one, collects every problem
and warning with file, line and dotted field, and never stops at the first.
"""

from thinkube_catalog.domain.documents.document import (
    Document,
    DocumentInvalidError,
    FileInvalidError,
    Parsed,
    Path,
    dotted,
    shown,
)
from thinkube_catalog.domain.documents.fields import Fields, Findings
from thinkube_catalog.domain.documents.json_text import read_json
from thinkube_catalog.domain.documents.yaml_text import read_yaml, survey_yaml

__all__ = [
    "Document",
    "DocumentInvalidError",
    "Fields",
    "FileInvalidError",
    "Findings",
    "Parsed",
    "Path",
    "dotted",
    "read_json",
    "read_yaml",
    "shown",
    "survey_yaml",
]
