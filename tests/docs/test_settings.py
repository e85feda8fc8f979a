"""`docs/settings.md` and `.env.example` tell every setting as the program knows it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from dotenv import dotenv_values
from pydantic.fields import FieldInfo

from thinkube_catalog.settings import PREFIX, ProviderSetting, Settings, load_settings

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "settings.md").read_text(encoding="utf-8")
EXAMPLE = ROOT / ".env.example"
FIELDS = list(Settings.model_fields.items())


def row(name: str, field: FieldInfo) -> str:
    """Return the line of the page's table for a setting."""
    default = "see below" if name == "data_dir" else _shown(field)
    return f"| `{PREFIX}{name.upper()}` | {field.description} | {default} |"


def _shown(field: FieldInfo) -> str:
    default = field.get_default()
    text = str(default).lower() if isinstance(default, bool) else str(default or "")
    text = "" if default in ((), None) or "Secret" in repr(default) else text
    return f"`{text}`" if text else ""


@pytest.mark.parametrize(("name", "field"), FIELDS, ids=[name for name, _ in FIELDS])
def test_every_setting_has_its_line(name: str, field: FieldInfo) -> None:
    assert row(name, field) in PAGE.splitlines()


def test_no_line_tells_of_a_setting_that_is_gone() -> None:
    told = set(re.findall(PREFIX + r"[A-Z_]+", PAGE))
    assert told == {PREFIX + name.upper() for name, _ in FIELDS}


def test_every_field_of_a_provider_is_told() -> None:
    for name, field in ProviderSetting.model_fields.items():
        assert f"| `{name}` | {field.description} |" in PAGE.splitlines()


def test_the_example_has_every_setting_once_and_sets_none() -> None:
    text = EXAMPLE.read_text(encoding="utf-8")
    names = re.findall(rf"^#({PREFIX}[A-Z_]+)=", text, re.MULTILINE)
    assert names == [PREFIX + name.upper() for name, _ in FIELDS]
    assert dotenv_values(EXAMPLE) == {}


def test_the_example_describes_every_setting() -> None:
    said = " ".join(re.sub(r"^# ?", "", EXAMPLE.read_text("utf-8"), flags=re.MULTILINE).split())
    for _, field in FIELDS:
        assert field.description
        assert " ".join(field.description.split()) in said


@pytest.mark.usefixtures("without_settings")
def test_the_example_s_values_are_good_ones() -> None:
    text = re.sub(rf"^#({PREFIX})", r"\1", EXAMPLE.read_text("utf-8"), flags=re.MULTILINE)
    Path(".env").write_text(text, "utf-8")
    assert load_settings().providers[0].name == "gateway"
