"""Traces sent to Langfuse. Sending happens in the background and may fail there."""

import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

from langfuse import Langfuse, propagate_attributes

from rag_agent.settings import Settings
from rag_agent.tracing import Step, StepKind, Trace
from rag_agent.writing import Usage

_EXPORT_SECONDS = 5
_CLOSE_SECONDS = 6.0
_log = logging.getLogger(__name__)


class LangfuseTracer:
    """Opens traces in the Langfuse project that the keys belong to."""

    def __init__(self, settings: Settings) -> None:
        # A collector that is down is reported once by ourselves, not with a stack for each batch.
        for noisy in ("opentelemetry", "langfuse"):
            logging.getLogger(noisy).setLevel(logging.CRITICAL)
        _log.info("traces go to %s", settings.langfuse_base_url)
        self._model = settings.llm_model
        self._langfuse = Langfuse(
            public_key=settings.langfuse_public_key,
            secret_key=settings.langfuse_secret_key.get_secret_value(),
            base_url=settings.langfuse_base_url,
            timeout=_EXPORT_SECONDS,
        )

    def start(self, question: str, user: str, conversation: str) -> Trace:
        return _LangfuseTrace(self._langfuse, self._model, question, user, conversation)

    def close(self) -> None:
        # A collector that hangs must not hold up the end of the process.
        closing = threading.Thread(target=self._langfuse.shutdown, daemon=True)
        closing.start()
        closing.join(_CLOSE_SECONDS)


class _LangfuseTrace:
    """The root observation. Steps name their parent, since an answer streams through several
    threads and has no context of its own to keep it in."""

    def __init__(
        self, langfuse: Langfuse, model: str, question: str, user: str, conversation: str
    ) -> None:
        self._model = model
        self._who: dict[str, Any] = {
            "user_id": user[:200] or None,
            "session_id": conversation[:200] or None,
            "trace_name": "answer",
        }
        with propagate_attributes(**self._who):
            self._root = langfuse.start_observation(
                name="answer", as_type="chain", input={"question": question}
            )

    def step(self, name: str, kind: StepKind, given: object) -> Step:
        with propagate_attributes(**self._who):
            if kind == "generation":
                return _LangfuseStep(
                    self._root.start_observation(
                        name=name, as_type="generation", input=given, model=self._model
                    )
                )
            return _LangfuseStep(
                self._root.start_observation(name=name, as_type="retriever", input=given)
            )

    def end(self, output: object, scores: dict[str, float], problem: str = "") -> None:
        for name, value in scores.items():
            _safely(partial(self._root.score_trace, name=name, value=value))
        _safely(lambda: self._root.update(output=output, metadata=scores, **_level(problem)))
        _safely(self._root.end)


@dataclass(frozen=True)
class _LangfuseStep:
    observation: Any  # the SDK has one class for each kind

    def end(self, output: object, usage: Usage | None = None, problem: str = "") -> None:
        counted = {"input": usage.prompt, "output": usage.completion} if usage else None
        more = {"usage_details": counted} if counted else {}
        _safely(lambda: self.observation.update(output=output, **more, **_level(problem)))
        _safely(self.observation.end)


def _level(problem: str) -> dict[str, Any]:
    return {"level": "ERROR", "status_message": problem} if problem else {}


def _safely(call: Callable[[], object]) -> None:
    """Tracing is never a reason for an answer to fail."""
    try:
        call()
    except Exception:
        _log.warning("a trace could not be recorded", exc_info=True)
