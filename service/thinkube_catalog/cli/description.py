"""A template described at the terminal: what it is, asks, needs and gives."""

from __future__ import annotations

from rich.markup import escape

from thinkube_catalog.cli.output import out, print_table
from thinkube_catalog.domain.descriptor import Dependency
from thinkube_catalog.domain.manifest import SecretDeclaration
from thinkube_catalog.domain.questions import Form, Question
from thinkube_catalog.operations.browse import ContainerNeeds, TemplateDetails

_MOST_CHOICES = 6


def print_details(details: TemplateDetails) -> None:
    """Print identity, secrets, needs and what the template provides."""
    version = details.release.version or details.release.commit[:12]
    out.print(f"[bold]{escape(details.title)}[/bold]  {escape(details.name)} {escape(version)}")
    if details.description:
        out.print(escape(details.description.strip()))
    if details.tags:
        out.print(f"[dim]{escape(' · '.join(details.tags))}[/dim]")
    _print_section("Runs", [f"{each.name}: {_needs(each)}" for each in details.containers])
    wishes = [f"{_wish(each)} {each.type} ({each.env})" for each in details.dependencies]
    _print_section("Needs", [*details.services, *wishes])
    _print_section("Gives", [f"{each.type} at {each.path or '/'}" for each in details.provides])
    _print_section("Secrets", [_secret(each) for each in details.secrets])
    for warning in details.warnings:
        out.print(f"[yellow]Note:[/yellow] {escape(str(warning))}")


def print_questions(form: Form) -> None:
    """Print the questions that are visible while nothing is answered."""
    out.print("\n[bold]Questions[/bold]")
    print_table(
        ("  NAME", "TYPE", "DEFAULT", "WHAT IT ASKS"),
        (
            (f"  {q.name}", _type(q), "" if q.default is None else str(q.default), q.help)
            for q in form.questions
        ),
        "  It asks nothing.",
    )


def _print_section(heading: str, lines: list[str]) -> None:
    if lines:
        out.print(f"\n[bold]{heading}[/bold]")
    for line in lines:
        out.print(f"  {escape(line)}")


def _wish(dependency: Dependency) -> str:
    return "can use" if dependency.optional else "needs"


def _secret(secret: SecretDeclaration) -> str:
    optional = "" if secret.required else " (optional)"
    return f"{secret.name}{optional}: {secret.description}".rstrip(": ")


def _type(question: Question) -> str:
    if not question.choices:
        return question.type
    values = [str(choice.value) for choice in question.choices[:_MOST_CHOICES]]
    more = len(question.choices) - len(values)
    return " | ".join(values) + (f" | {more} more" if more else "")


def _needs(container: ContainerNeeds) -> str:
    gpu = f"{container.gpu_count} GPU" if container.gpu_count else ""
    memory = f" with {container.gpu_memory_gib} GiB each" if container.gpu_memory_gib else ""
    parts = (
        f"size {container.size or 'default'}",
        f"port {container.port}" if container.port else "",
        gpu + memory if gpu else "no GPU",
        "runs once" if container.job else "",
        f"runs at {container.schedule}" if container.schedule else "",
    )
    return ", ".join(part for part in parts if part)
