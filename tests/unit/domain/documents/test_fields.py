"""Walking a document: every accessor, and every sentence."""

from __future__ import annotations

import re

from thinkube_catalog.domain.documents import Fields, Findings, dotted, read_yaml


def walk(text: str) -> tuple[Fields, Findings]:
    findings = Findings(read_yaml(text, "x.yaml"))
    return findings.fields(), findings


def said(findings: Findings) -> list[str]:
    return [str(problem) for problem in findings.problems]


def warned(findings: Findings) -> list[str]:
    return [str(warning) for warning in findings.warnings]


def test_good_values_are_returned_with_their_types() -> None:
    root, findings = walk("t: x\ni: 3\nn: 1.5\nb: yes\nl: [a, 1.10]\nm: {k: 1.0}\ni2: '4'")
    assert root.text("t") == "x"
    assert root.integer("i", None) == 3
    assert root.number("n") == 1.5
    assert root.boolean("b", False) is True
    assert root.texts("l") == ("a", "1.10")
    assert root.text_mapping("m") == {"k": "1.0"}
    assert root.text("absent", "fallback") == "fallback"
    assert said(findings) == []


def test_everything_wrong_is_listed_with_line_and_field() -> None:
    root, findings = walk("t: [1]\ni: many\nn: .inf\nb: maybe\nl: x\nm: 3\nitems: [1, {a: b}]")
    root.text("t")
    root.integer("i", 1)
    root.number("n")
    root.boolean("b", None)
    root.texts("l")
    root.mapping("m")
    root.items("items")
    root.text("name", required=True, mend="name it")
    assert said(findings) == [
        "x.yaml:1: t: t must be text, not a list",
        "x.yaml:2: i: i must be a whole number, not 'many'",
        "x.yaml:3: n: n is not a finite number",
        "x.yaml:4: b: b must be true or false, not 'maybe'",
        "x.yaml:5: l: l must be a list, not 'x'",
        "x.yaml:6: m: m must be a mapping, not 3",
        "x.yaml:7: items[0]: 1 stands where a mapping is wanted",
        "x.yaml:1: name: name is missing (name it)",
    ]


def test_numbers_and_switches_in_quotes_are_taken_with_a_warning() -> None:
    root, findings = walk("i: '8000'\nb: 'true'")
    assert (root.integer("i", None), root.boolean("b", False)) == (8000, True)
    assert warned(findings) == [
        "x.yaml:1: i: i is text; a number is meant (remove the quotes)",
        "x.yaml:2: b: b is text; true or false is meant (remove the quotes)",
    ]


def test_bounds_and_patterns_say_what_is_wanted() -> None:
    root, findings = walk("port: 70000\nname: Big Name\nsize: mediun\nlow: 0")
    root.integer("port", None, least=1, most=65535)
    root.text("name", pattern=re.compile("[a-z]+"), mend="use small letters")
    root.choice("size", ("small", "medium"))
    root.integer("low", 1, least=1)
    assert said(findings) == [
        "x.yaml:1: port: port is 70000 (use 1 to 65535)",
        "x.yaml:2: name: 'Big Name' is not a usable name (use small letters)",
        "x.yaml:3: size: 'mediun' is no size that exists (did you mean medium?)",
        "x.yaml:4: low: low is 0 (use at least 1)",
    ]


def test_unknown_keys_are_kept_and_a_near_miss_is_explained() -> None:
    root, findings = walk("heatlh: /x\nipc: host\nfoo: 1\nparts: []")
    root.text("health")
    left = root.unknown(known=("parts",), legacy=("ipc",))
    assert left == {"heatlh": "/x", "ipc": "host", "foo": 1, "parts": []}
    assert warned(findings) == [
        "x.yaml:1: heatlh: the key 'heatlh' means nothing here (did you mean health?)",
        "x.yaml:2: ipc: ipc is an older key; it is kept and has no effect",
        "x.yaml:3: foo: the key 'foo' means nothing here",
    ]


def test_in_a_free_mapping_only_a_near_miss_is_worth_a_word() -> None:
    root, findings = walk("titel: x\nlicence: MIT")
    root.text("title")
    root.unknown(free=True)
    assert [warning.field for warning in findings.warnings] == ["titel"]


def test_a_key_without_a_value_counts_as_absent() -> None:
    root, findings = walk("a:\nb: ~")
    assert (root.text("a", "d"), root.items("b"), "a" in root) == ("d", [], False)
    assert said(findings) == []


def test_a_file_with_hundreds_of_faults_is_mended_in_rounds() -> None:
    root, findings = walk("\n".join(f"k{n}: 1" for n in range(1000)))
    root.unknown()
    assert len(findings.warnings) == 201
    assert findings.warnings[-1].message == "there is more; mend these first"


def test_a_path_is_written_as_people_write_it() -> None:
    assert dotted(("spec", "containers", 0, "a b", "port")) == "spec.containers[0]['a b'].port"
