"""The account may do what the code does, and nothing else; the docs say which and what for."""

from __future__ import annotations

import ast
import re
from pathlib import Path

from tests.deploy.manifests import ROOT, the
from tests.kubernetes_stand_in import granted
from thinkube_catalog.adapters.kubernetes import rights
from thinkube_catalog.adapters.kubernetes.namespaces import OURS
from thinkube_catalog.settings import PREFIX

SOURCE = Path(rights.__file__).parent
PAGE = (ROOT / "docs" / "production.md").read_text("utf-8")


def test_the_manifest_grants_exactly_what_is_declared() -> None:
    declared = {(it.verb, it.resource.group, it.resource.plural) for it in rights.RIGHTS}
    assert granted() == declared
    assert len(declared) == len(rights.RIGHTS)


def test_secrets_are_never_read() -> None:
    verbs = {it.verb for it in rights.RIGHTS if it.resource == rights.SECRETS}
    assert verbs == {"create", "patch", "delete"}


def test_every_right_is_used_and_every_use_has_its_right() -> None:
    declared = {name for name, it in vars(rights).items() if isinstance(it, rights.Right)}
    used = {
        node.attr if isinstance(node, ast.Attribute) else node.id
        for path in SOURCE.glob("*.py")
        if path.name != "rights.py"
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.Attribute | ast.Name)
    }
    # Server-side apply asks for `create` itself, where there is nothing yet.
    assert declared - used == {"MAKE_SECRET", "MAKE_EXTERNAL"}


def test_the_page_tells_every_right_and_what_it_is_for() -> None:
    rows = set(re.findall(r"^\| `(\w+) ([\w.-]+)` \| (.+) \|$", PAGE, re.MULTILINE))
    assert rows == {(it.verb, str(it.resource), it.why) for it in rights.RIGHTS}


def test_the_admission_policy_knows_the_account_the_mark_and_the_prefix() -> None:
    spec = the("ValidatingAdmissionPolicy")["spec"]
    account = the("ServiceAccount")["metadata"]
    user = f"system:serviceaccount:{account['namespace']}:{account['name']}"
    (condition,) = spec["matchConditions"]
    assert f'== "{user}"' in condition["expression"]
    (mark,) = OURS.items()
    expressions = " ".join(it["expression"] for it in spec["variables"])
    assert f'variables.space.metadata.labels["{mark[0]}"] == "{mark[1]}"' in expressions
    (prefix,) = (it["expression"] for it in spec["variables"] if it["name"] == "prefix")
    assert prefix == f'"{the("ConfigMap")["data"][f"{PREFIX}NAMESPACE_PREFIX"]}"'
    assert any("startsWith(variables.prefix)" in it["expression"] for it in spec["validations"])
    binding = the("ValidatingAdmissionPolicyBinding")["spec"]
    assert (binding["policyName"], binding["validationActions"]) == ("thinkube-catalog", ["Deny"])
    # A parameter that is missing would be denied to everybody, before it is asked who it is.
    assert "paramKind" not in spec
    assert "paramRef" not in binding


def test_the_admission_policy_watches_every_kind_that_is_changed() -> None:
    rules = the("ValidatingAdmissionPolicy")["spec"]["matchConstraints"]["resourceRules"]
    watched = {
        (group, resource)
        for rule in rules
        for group in rule["apiGroups"]
        for resource in rule["resources"]
        if set(rule["operations"]) == {"CREATE", "UPDATE", "DELETE"}
    }
    changed = {
        (it.resource.group, it.resource.plural)
        for it in rights.RIGHTS
        if it.verb not in {"get", "list", "watch"}
    }
    assert watched == changed
