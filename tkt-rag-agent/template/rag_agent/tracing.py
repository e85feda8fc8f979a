"""Traces of each answer, for Langfuse. Off without keys; never in the way of an answer."""

import logging
from dataclasses import dataclass
from typing import Literal, Protocol

from rag_agent.settings import Settings
from rag_agent.writing import Usage

StepKind = Literal["retriever", "generation"]
_log = logging.getLogger(__name__)


class Step(Protocol):
    """A part of an answer's work."""

    def end(self, output: object, usage: Usage | None = None, problem: str = "") -> None:
        """Close the step with what came of it."""
        ...


class Trace(Protocol):
    """One answer."""

    def step(self, name: str, kind: StepKind, given: object) -> Step:
        """Open a part of it."""
        ...

    def end(self, output: object, scores: dict[str, float], problem: str = "") -> None:
        """Close it, with figures about its quality."""
        ...


class Tracer(Protocol):
    """Where traces go. None of these methods raises, or waits for anything outside."""

    def start(self, question: str, user: str, conversation: str) -> Trace:
        """Open a trace."""
        ...

    def close(self) -> None:
        """Send what is left, within seconds."""
        ...


@dataclass(frozen=True)
class Untraced:
    """All three protocols, doing nothing."""

    def start(self, question: str, user: str, conversation: str) -> Trace:
        return self

    def step(self, name: str, kind: StepKind, given: object) -> Step:
        return _UNTRACED_STEP

    def end(self, output: object, scores: dict[str, float], problem: str = "") -> None: ...

    def close(self) -> None: ...


@dataclass(frozen=True)
class _UntracedStep:
    def end(self, output: object, usage: Usage | None = None, problem: str = "") -> None: ...


_UNTRACED_STEP = _UntracedStep()


def tracer_of(settings: Settings) -> Tracer:
    """Langfuse when both keys and its address are set, otherwise nothing.

    Without an address the SDK would send questions and passages to the vendor's own service.
    """
    if not (settings.langfuse_public_key and settings.langfuse_secret_key.get_secret_value()):
        return Untraced()
    if not settings.langfuse_base_url:
        _log.warning("Langfuse keys are set but LANGFUSE_BASE_URL is not: nothing is traced.")
        return Untraced()
    from rag_agent.langfuse_tracing import LangfuseTracer

    return LangfuseTracer(settings)
