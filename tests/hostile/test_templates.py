"""Hostile templates: refused with a clear error or harmless, in bounded time and memory.

Every test renders in the real contained child. A canary file lies outside every template, a canary
variable in the service's environment; neither may ever come out.
"""

from __future__ import annotations

import contextlib
import os
import socket
import stat
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.folders import FolderSources, write_folder
from thinkube_catalog.adapters.copier import CopierRenderer, Limits
from thinkube_catalog.domain.errors import RenderError
from thinkube_catalog.domain.questions import Answers, AnswersInvalidError, Form
from thinkube_catalog.domain.rendering import FileTree

CANARY = "canary-7f3a"
LIMITS = Limits(
    render_seconds=3.0,
    form_seconds=2.5,
    memory=192 << 20,
    file_size=1 << 20,
    total_size=4 << 20,
    files=300,
    template_entries=1000,
)


@dataclass
class Yard:
    """A place for one hostile template, with the canaries around it."""

    folder: Path
    canary: Path
    sources: FolderSources
    renderer: CopierRenderer

    def template(self, files: Mapping[str, str | bytes]) -> None:
        write_folder(self.folder, files)

    def render(self, **answers: object) -> FileTree:
        return self.renderer.render(self.sources.offer(self.folder), Answers(answers))

    def evaluate(self, **raw: object) -> Form:
        return self.renderer.evaluate(self.sources.offer(self.folder), raw)

    def refusal(self, **answers: object) -> str:
        """Render, expect a refusal, and return its whole text."""
        with pytest.raises(RenderError) as caught:
            self.render(**answers)
        assert caught.value.problems
        assert CANARY not in str(caught.value)
        return str(caught.value)


@pytest.fixture(scope="module")
def renderer() -> Iterator[tuple[CopierRenderer, FolderSources]]:
    sources = FolderSources()
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("CANARY", CANARY)
        with CopierRenderer(sources, LIMITS) as shared:
            shared.start()
            yield shared, sources


@pytest.fixture
def yard(renderer: tuple[CopierRenderer, FolderSources], tmp_path: Path) -> Iterator[Yard]:
    shared, sources = renderer
    canary = tmp_path / "outside" / "secret.yml"
    canary.parent.mkdir()
    canary.write_text(f"word: {CANARY}\n", encoding="utf-8")
    folder = tmp_path / "template"
    folder.mkdir()
    yield Yard(folder, canary, sources, shared)
    assert canary.read_text(encoding="utf-8") == f"word: {CANARY}\n"
    assert sorted(path.name for path in canary.parent.iterdir()) == ["secret.yml"]


def text_of(tree: FileTree) -> str:
    return "\n".join(f"{path}\n{tree.text(path)}" for path in tree)


# Paths that lead out


@pytest.mark.parametrize("place", ["..", "../up", "a/../../up", "/tmp/absolute"])
def test_a_path_that_renders_out_of_the_project_is_refused(yard: Yard, place: str) -> None:
    yard.template({"copier.yml": f"place: {place}", "{{ place }}/x.txt": "x"})
    yard.refusal()


@pytest.mark.parametrize("encoded", ["%2e%2e", ".%2e", "%2f", "a%5c..%5cb"])
def test_encoded_dots_and_slashes_are_plain_names(yard: Yard, encoded: str) -> None:
    yard.template({"{{ name }}.txt": "x", "copier.yml": "name: x"})
    assert f"{encoded}.txt" in yard.render(name=encoded)


def test_a_backslash_in_a_name_is_refused(yard: Yard) -> None:
    yard.template({"{{ name }}.txt": "x", "copier.yml": "name: x"})
    assert "backslash" in yard.refusal(name="a\\..\\b")


@pytest.mark.parametrize("place", ["..", "/", "template/../.."])
def test_a_subdirectory_outside_the_template_is_refused(yard: Yard, place: str) -> None:
    yard.template({"copier.yml": f"_subdirectory: {place}", "template/x": "x"})
    yard.refusal()


@pytest.mark.parametrize("place", ["../answers.yml", "/tmp/answers.yml"])
def test_an_answers_file_outside_the_project_is_refused(yard: Yard, place: str) -> None:
    name = "{{ _copier_conf.answers_file }}.jinja"
    yard.template({"copier.yml": f"_answers_file: {place}", name: "{{ _copier_answers }}"})
    yard.refusal()


def test_external_data_outside_the_project_cannot_be_read(yard: Yard) -> None:
    for place in (str(yard.canary), "../../outside/secret.yml", "../template/copier.yml"):
        configuration = (
            f"_external_data: {{loot: '{place}'}}\nword: '{{{{ _external_data.loot }}}}'"
        )
        yard.template({"copier.yml": configuration, "x.jinja": "{{ word }}"})
        assert "forbidden" in yard.refusal()


@pytest.mark.parametrize("place", ["../outside/secret.yml", "../outside/*.yml", "{canary}"])
def test_a_configuration_cannot_include_files_outside(yard: Yard, place: str) -> None:
    included = place.format(canary=yard.canary)
    yard.template({"copier.yml": f"---\n!include {included}\n---\na: b", "x.jinja": "{{ word }}"})
    try:
        tree = yard.render()
    except RenderError as error:
        assert CANARY not in str(error)  # noqa: PT017 - either way is right
    else:
        assert tree.text("x") == ""


@pytest.mark.parametrize("place", ["../outside/secret.yml", "{canary}", "linked"])
def test_a_template_cannot_include_files_outside(yard: Yard, place: str) -> None:
    included = place.format(canary=yard.canary)
    yard.template({"x.jinja": f"{{% include '{included}' %}}"})
    (yard.folder / "linked").symlink_to("../outside/secret.yml")
    yard.refusal()


# Links and special files in the template


@pytest.mark.parametrize("preserved", ["true", "false"])
@pytest.mark.parametrize("target", ["../outside/secret.yml", "../outside", "{canary}", "/dev/zero"])
def test_a_link_out_of_the_template_is_refused(yard: Yard, preserved: str, target: str) -> None:
    yard.template({"copier.yml": f"_preserve_symlinks: {preserved}"})
    (yard.folder / "link").symlink_to(target.format(canary=yard.canary))
    message = yard.refusal()
    assert "link: is a link to" in message
    assert "link only to files of the template" in message


def test_a_link_to_a_link_that_leads_out_is_refused(yard: Yard) -> None:
    yard.template({"a/b/x": "x"})
    (yard.folder / "a/b/up").symlink_to("../..")
    (yard.folder / "far").symlink_to("a/b/up/../outside/secret.yml")
    assert "far: is a link to" in yard.refusal()


def test_a_dangling_link_out_of_the_template_is_refused(yard: Yard) -> None:
    (yard.folder / "later").symlink_to("../outside/later.txt")
    yard.refusal()


def test_a_folder_link_to_its_own_parent_is_refused(yard: Yard) -> None:
    (yard.folder / "again").symlink_to(".")
    assert "a folder that it is in" in yard.refusal()


def test_a_link_inside_the_template_is_followed(yard: Yard) -> None:
    yard.template({"docs/real.txt": "x"})
    (yard.folder / "alias.txt").symlink_to("docs/real.txt")
    tree = yard.render()
    assert tree["alias.txt"].content == b"x"
    assert not tree["alias.txt"].link


def test_a_link_inside_the_template_is_kept_where_the_template_wants_that(yard: Yard) -> None:
    yard.template({"copier.yml": "_preserve_symlinks: true", "docs/real.txt": "x"})
    (yard.folder / "alias.txt").symlink_to("docs/real.txt")
    file = yard.render()["alias.txt"]
    assert (file.content, file.link) == (b"docs/real.txt", True)


@pytest.mark.parametrize("target", ["/etc", "../..", "a/../../.."])
def test_a_kept_link_that_renders_to_a_place_outside_is_refused(yard: Yard, target: str) -> None:
    yard.template({"copier.yml": f"_preserve_symlinks: true\nplace: {target}", "x": "x"})
    (yard.folder / "link.jinja").symlink_to("{{ place }}")
    assert "which is not inside the tree" in yard.refusal()


def test_nothing_is_written_through_a_kept_link(yard: Yard) -> None:
    yard.template({"copier.yml": "_preserve_symlinks: true\nname: x", "d/x.txt": "x"})
    (yard.folder / "{{ name }}").symlink_to("d")
    yard.template({"e{{ name }}/{{ 'pwned' }}.txt": "x"})
    tree = yard.render(name="ex")
    assert "d/pwned.txt" not in tree


def test_a_named_pipe_is_refused_and_not_waited_for(yard: Yard) -> None:
    os.mkfifo(yard.folder / "pipe")
    assert "pipe: is a named pipe" in yard.refusal()


def test_a_socket_is_refused(yard: Yard, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(yard.folder)
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind("sock")
    assert "sock: is a socket" in yard.refusal()


def test_a_giant_sparse_file_is_refused_unread(yard: Yard) -> None:
    with (yard.folder / "giant").open("wb") as file:
        file.truncate(1 << 40)
    assert "giant: has 1099511627776 bytes" in yard.refusal()


def test_a_template_of_too_many_files_is_refused(yard: Yard) -> None:
    yard.template({f"f{number}": "" for number in range(LIMITS.template_entries + 1)})
    assert "more than 1000 files" in yard.refusal()


def test_the_set_user_bit_is_refused(yard: Yard) -> None:
    yard.template({"tool": "x"})
    (yard.folder / "tool").chmod(0o4755)
    assert "set-user" in yard.refusal()


def test_a_hard_link_in_the_template_becomes_a_file_of_its_own(yard: Yard) -> None:
    yard.template({"one": "x"})
    (yard.folder / "two").hardlink_to(yard.folder / "one")
    assert [yard.render()[name].content for name in ("one", "two")] == [b"x", b"x"]


# Names in the project


@pytest.mark.parametrize(
    "name",
    [".git", ".GIT", ".Git ", "git~1", ".git.", ".g\u200cit", ".git::$INDEX_ALLOCATION"],
)
@pytest.mark.parametrize("settings", ["", "_exclude: ['!.git']", "_subdirectory: '.'"])
def test_the_name_of_gits_own_folder_never_comes_out(yard: Yard, name: str, settings: str) -> None:
    yard.template({"copier.yml": f"{settings}\nname: x", "{{ name }}/config": "[core]\n"})
    try:
        tree = yard.render(name=name)
    except RenderError as error:
        assert "kept for Git's own folder" in str(error)  # noqa: PT017 - either way is right
    else:
        assert not [path for path in tree if "config" in path]


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("a\nb", "control characters"),
        ("a\x1b[31mb", "control characters"),
        ("a\u202eb", "direction of writing"),
        (".gitmodules", "submodules"),
        ("n" * 256, "too long"),
    ],
)
def test_a_misleading_name_is_refused(yard: Yard, name: str, reason: str) -> None:
    yard.template({"copier.yml": "name: x", "{{ name }}": "x"})
    message = yard.refusal(name=name)
    assert reason in message
    assert "\x1b" not in message
    assert "\u202e" not in message


def test_a_name_that_is_not_text_is_refused(yard: Yard) -> None:
    Path(os.fsdecode(os.fsencode(yard.folder) + b"/latin-\xe9")).write_bytes(b"x")
    yard.refusal()


def test_a_name_with_a_leading_dash_is_a_name(yard: Yard) -> None:
    yard.template({"-rf": "x"})
    assert yard.render()["-rf"].content == b"x"


@pytest.mark.parametrize("pair", [("a", "A"), ("é", "e\u0301"), ("ß", "ss"), ("d/x", "D/y")])
def test_names_that_are_one_name_elsewhere_are_refused(yard: Yard, pair: tuple[str, str]) -> None:
    yard.template(dict.fromkeys(pair, "x"))
    assert "is the same name as" in yard.refusal()


def test_every_problem_is_listed_at_once(yard: Yard) -> None:
    yard.template({"a": "x", "A": "x", ".gitmodules": "x"})
    message = yard.refusal()
    assert "same name" in message
    assert "submodules" in message


def test_folders_nested_without_end_are_refused(yard: Yard) -> None:
    yard.template({"copier.yml": "deep: x", "{{ deep }}/x": "x"})
    yard.refusal(deep="/".join("d" * 100))
    assert "too long" in yard.refusal(deep="/".join(["d" * 200] * 25))


# Time, memory and space


def within(seconds: float, started: float) -> bool:
    return time.monotonic() - started < seconds


ENDLESS = "{% for a in range(99999) %}{% for b in range(99999) %}{% endfor %}{% endfor %}"


def test_an_endless_loop_is_ended(yard: Yard) -> None:
    yard.template({"x.jinja": ENDLESS})
    started = time.monotonic()
    assert "did not finish within 3 seconds" in yard.refusal()
    assert within(20, started)


@pytest.mark.parametrize("key", ["validator", "when", "default", "help"])
def test_an_endless_question_is_ended(yard: Yard, key: str) -> None:
    yard.template({"copier.yml": f"q: {{type: str, default: a, {key}: '{ENDLESS}'}}"})
    with pytest.raises(RenderError, match=r"did not finish within 2\.5 seconds"):
        yard.evaluate()


def test_a_regular_expression_without_end_is_ended(yard: Yard) -> None:
    validator = "{{ (q | regex_search('^(a+)+$')) and '' }}"
    yard.template({"copier.yml": f'q: {{type: str, default: a, validator: "{validator}"}}'})
    with pytest.raises(RenderError, match="did not finish"):
        yard.evaluate(q="a" * 40 + "!")


def test_the_form_of_another_template_goes_on_after_one_was_ended(yard: Yard) -> None:
    yard.template({"copier.yml": f"q: {{type: str, default: a, validator: '{ENDLESS}'}}"})
    with pytest.raises(RenderError):
        yard.evaluate()
    yard.template({"copier.yml": "q: {type: str, default: fine}"})
    assert yard.evaluate().questions[0].value == "fine"


@pytest.mark.parametrize(
    "content",
    [
        "{% set x = 'a' * 10**9 %}{{ x | length }}",
        "{{ 'a' * 10**11 }}",
        "{% set n = namespace(x='a') %}{% for i in range(40) %}{% set n.x = n.x * 2 %}{% endfor %}",
        "{{ '%1000000000d' % 1 }}",
    ],
)
def test_memory_without_end_is_refused(yard: Yard, content: str) -> None:
    yard.template({"x.jinja": content})
    assert "memory" in yard.refusal()


def test_a_file_without_end_is_refused(yard: Yard) -> None:
    yard.template({"x.jinja": "{{ 'a' * 3000000 }}"})
    assert "larger than a render may write" in yard.refusal()


def test_too_many_bytes_in_all_are_refused(yard: Yard) -> None:
    yard.template({f"{number}.jinja": "{{ 'a' * 1000000 }}" for number in range(6)})
    assert "bytes in all" in yard.refusal()


def test_too_many_files_are_refused(yard: Yard) -> None:
    name = "{% yield n from range(2000) %}{{ n }}{% endyield %}.txt"
    yard.template({"copier.yml": "", name: "x"})
    assert "more than 300 files" in yard.refusal()


def test_a_template_that_includes_itself_is_refused(yard: Yard) -> None:
    yard.template({"x.jinja": "{% include 'x.jinja' %}"})
    assert "itself without end" in yard.refusal()


def test_aliases_that_multiply_in_the_configuration_are_contained(yard: Yard) -> None:
    bomb = "a0: &a0 {default: x}\n" + "".join(
        f"a{n}: &a{n} {{default: [{', '.join([f'*a{n - 1}'] * 9)}]}}\n" for n in range(1, 12)
    )
    yard.template({"copier.yml": bomb, "x.jinja": "{{ a11 }}"})
    started = time.monotonic()
    with pytest.raises((RenderError, AnswersInvalidError)):
        yard.render()
    assert within(20, started)


def test_merges_that_multiply_in_the_configuration_are_contained(yard: Yard) -> None:
    bomb = "a0: &a0 {default: x}\n" + "".join(
        f"a{n}: &a{n} {{<<: [{', '.join([f'*a{n - 1}'] * 9)}]}}\n" for n in range(1, 9)
    )
    yard.template({"copier.yml": bomb, "x.jinja": "x"})
    started = time.monotonic()
    with contextlib.suppress(RenderError):
        assert len(yard.render()) == 1
    assert within(20, started)


# Answers


def test_an_answer_is_never_rendered_again(yard: Yard) -> None:
    yard.template({"copier.yml": "name: x", "x.jinja": "{{ name }}", "{{ name }}.txt": "x"})
    tree = yard.render(name="{{ 7 * 7 }}")
    assert tree.text("x") == "{{ 7 * 7 }}"
    assert "{{ 7 * 7 }}.txt" in tree


@pytest.mark.parametrize(
    "bomb",
    [
        "[&a [x, x], &b [*a, *a], *b]",
        "{a: &a {x: 1}, b: {<<: *a}}",
        "[" * 5000,
        "[" * 60 + "]" * 60,
        "[" + "1," * 20_000 + "1]",
        "x" * 70_000,
        ".inf",
    ],
)
def test_a_structured_answer_is_bounded(yard: Yard, bomb: str) -> None:
    yard.template({"copier.yml": "conf: {type: yaml, default: {}}", "x.jinja": "{{ conf }}"})
    form = yard.evaluate(conf=bomb)
    assert [problem.field for problem in form.problems] == ["conf"]


def test_a_number_of_many_digits_is_refused_as_an_answer(yard: Yard) -> None:
    yard.template({"copier.yml": "n: {type: int, default: 1}", "x.jinja": "{{ n }}"})
    assert yard.evaluate(n="9" * 6000).problems


def test_answers_that_are_too_large_are_refused_before_anything_runs(yard: Yard) -> None:
    yard.template({"copier.yml": "name: x"})
    with pytest.raises(AnswersInvalidError, match="bytes"):
        yard.evaluate(name="x" * 600_000)


def test_a_computed_question_cannot_be_overridden(yard: Yard) -> None:
    configuration = "name: x\nmodule: {type: str, when: false, default: '{{ name }}_module'}"
    yard.template({"copier.yml": configuration, "{{ module }}.txt": "x"})
    assert list(yard.render(name="y", module="../../evil")) == ["y_module.txt"]
    assert yard.evaluate(module="evil").dropped == ("module",)


@pytest.mark.parametrize("name", ["_copier_conf", "_src_path", "_commit", "_copier_answers", "now"])
def test_an_answer_cannot_take_the_name_of_copiers_own_values(yard: Yard, name: str) -> None:
    answers = "{{ _copier_conf.answers_file }}.jinja"
    yard.template({answers: "{{ _copier_answers | to_nice_yaml }}"})
    release = yard.sources.offer(yard.folder)
    tree = yard.renderer.render(release, Answers({name: "forged"}), {name: "forged"})
    assert "forged" not in text_of(tree)


# Code, environment, files


def test_the_environment_of_the_service_cannot_be_read(yard: Yard) -> None:
    yard.template({"x.jinja": "{{ '$CANARY ${CANARY} $HOME $PATH' | expandvars }}"})
    tree = yard.render()
    assert CANARY not in text_of(tree)
    assert os.environ["HOME"] not in tree.text("x").split()[2:]


def test_folders_outside_cannot_be_listed(yard: Yard) -> None:
    places = [str(yard.canary.parent / "*"), "../outside/*", "/etc/*", "*", "/proc/*/environ"]
    yard.template({"x.jinja": "".join(f"{{{{ '{place}' | fileglob }}}}" for place in places)})
    assert yard.render().text("x") == "[]" * len(places)


@pytest.mark.parametrize(
    "expression",
    [
        "().__class__.__bases__",
        "''.__class__.__mro__",
        "'{0.__class__}'.format(1)",
        "('{0.__class__}' | attr('format'))(1)",
        "(['{0.__class__}'.format] | map('call', 1) | list)",
        "cycler.__init__.__globals__",
        "lipsum.__globals__",
        "_copier_conf.settings.from_file('{canary}')",
        "_copier_conf.settings.parse_raw('x')",
        "_copier_conf.settings.parse_file('{canary}')",
        "_copier_conf.src_path.parser",
        "_copier_conf.dst_path.unlink()",
        "_copier_conf.src_path.read_text()",
        "_copier_conf.src_path.parent.parent.rmdir()",
        "self._TemplateReference__context.environment",
        "self.__init__.__globals__",
    ],
)
def test_the_sandbox_gives_nothing_away(yard: Yard, expression: str) -> None:
    text = expression.replace("{canary}", str(yard.canary))
    yard.template({"x.jinja": "{{ " + text + " }}"})
    try:
        tree = yard.render()
    except RenderError as error:
        assert CANARY not in str(error)  # noqa: PT017 - either way is right
    else:
        shown = text_of(tree)
        assert CANARY not in shown
        assert "class" not in tree.text("x")
        assert "builtins" not in tree.text("x")


def test_python_tags_in_the_configuration_are_refused(yard: Yard) -> None:
    yard.template({"copier.yml": "_envops: {finalize: !!python/name:os.system }\na: b"})
    yard.refusal()


def test_a_file_name_and_its_content_together_make_no_code(yard: Yard) -> None:
    yard.template({"x'); import os; os.abort() #.jinja": "{% set x = 1 %}{{ x }}"})
    assert "1" in text_of(yard.render())


@pytest.mark.parametrize(
    "key",
    [
        "_tasks: ['touch {canary}.ran']",
        "_migrations: [{version: v1.0.0, before: ['touch {canary}.ran']}]",
        "_jinja_extensions: [os.system]",
    ],
)
def test_nothing_of_a_template_is_run(yard: Yard, key: str) -> None:
    yard.template({"copier.yml": key.replace("{canary}", str(yard.canary)), "x": "x"})
    message = yard.refusal()
    assert "the catalog renders, and runs nothing" in message
    assert "copier.yml" in message
    with pytest.raises(RenderError, match="runs nothing"):
        yard.evaluate()


def test_nobodys_list_of_trusted_sources_is_read(
    yard: Yard,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    settings = tmp_path / "settings.yml"
    settings.write_text(f"trust: ['{yard.folder}', '/']\ndefaults: {{name: trusted}}\n")
    monkeypatch.setenv("COPIER_SETTINGS_PATH", str(settings))
    yard.template({"copier.yml": f"_tasks: ['touch {yard.canary}.ran']\nname: x", "x": "x"})
    with CopierRenderer(yard.sources, LIMITS) as fresh, pytest.raises(RenderError):
        fresh.render(yard.sources.offer(yard.folder), Answers({}))


def test_one_form_leaves_nothing_behind_for_the_next(yard: Yard) -> None:
    keep = "{% if secret %}{{ kept.append(secret) }}{% endif %}{{ kept }}"
    configuration = f"""
kept: {{type: yaml, default: [], when: false}}
secret: {{type: str, default: ""}}
pick: {{type: str, default: a, choices: [a, b], help: "{keep}"}}
"""
    yard.template({"copier.yml": configuration})
    release = yard.sources.offer(yard.folder)
    yard.renderer.evaluate(release, {"secret": CANARY})
    after = yard.renderer.evaluate(release, {})
    assert CANARY not in repr(after)


def test_a_file_that_is_no_text_is_named(yard: Yard) -> None:
    yard.template({"docs/latin.txt.jinja": b"caf\xe9"})
    message = yard.refusal()
    assert "docs/latin.txt.jinja" in message
    assert "UTF-8" in message


def test_a_mistake_is_named_with_file_and_line(yard: Yard) -> None:
    yard.template({"docs/x.md.jinja": "fine\n{% if %}\n"})
    assert "docs/x.md.jinja:2: " in yard.refusal()
    yard.template({"docs/x.md.jinja": "fine\nfine\n{{ 1 / 0 }}\n"})
    assert "docs/x.md.jinja:3: division by zero" in yard.refusal()


def test_duplicate_keys_are_what_copier_makes_of_them(yard: Yard) -> None:
    yard.template({"copier.yml": "name: first\nname: second\n", "x.jinja": "{{ name }}"})
    assert yard.render().text("x") == "second"


def test_nothing_is_left_on_disk(
    yard: Yard, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    private = tmp_path / "private"
    private.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(private))
    yard.template({"x.jinja": ENDLESS})
    yard.refusal()
    yard.template({"x.jinja": "x"})
    yard.render()
    assert list(private.iterdir()) == []


def test_modes_of_the_project_are_two(yard: Yard) -> None:
    yard.template({"a": "x", "b": "x"})
    (yard.folder / "a").chmod(0o600)
    (yard.folder / "b").chmod(0o711)
    assert {path: file.git_mode for path, file in yard.render().items()} == {
        "a": "100644",
        "b": "100755",
    }
    assert stat.S_IMODE((yard.folder / "a").stat().st_mode) == 0o600
