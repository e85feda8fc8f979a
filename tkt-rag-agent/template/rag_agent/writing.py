"""The model that writes answers, behind a protocol of one method."""

import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol
from urllib.parse import urlsplit

from langchain_core.messages import BaseMessage

from rag_agent.errors import ModelError
from rag_agent.settings import Settings

_CONNECT_SECONDS = 5.0
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Usage:
    """Tokens, as the endpoint counts them."""

    prompt: int
    completion: int


@dataclass(frozen=True)
class Piece:
    """A part of an answer, in order; the usage comes with one of the last."""

    text: str
    usage: Usage | None = None


class Writer(Protocol):
    """Continues a conversation."""

    def write(self, prompt: Sequence[BaseMessage]) -> Iterator[Piece]:
        """The reply, piece by piece. Raises ModelError, also in the middle."""
        ...


class GatewayWriter:
    """A model behind an OpenAI-compatible endpoint, such as LiteLLM.

    Busy and unreachable endpoints are tried again LLM_RETRIES times with growing pauses.
    """

    def __init__(self, settings: Settings) -> None:
        import httpx
        from langchain_openai import ChatOpenAI

        self._url = openai_base(settings.llm_base_url)
        self._name = settings.llm_model
        self._model = ChatOpenAI(
            model=settings.llm_model,
            base_url=self._url,
            api_key=lambda: settings.llm_api_key.get_secret_value() or "none",
            temperature=settings.llm_temperature,
            max_tokens=settings.llm_max_tokens,
            timeout=httpx.Timeout(settings.llm_timeout_s, connect=_CONNECT_SECONDS),
            max_retries=settings.llm_retries,
            stream_usage=True,
        )

    def write(self, prompt: Sequence[BaseMessage]) -> Iterator[Piece]:
        try:
            for chunk in self._model.stream(list(prompt)):
                used = getattr(chunk, "usage_metadata", None)
                usage = Usage(used["input_tokens"], used["output_tokens"]) if used else None
                yield Piece(str(chunk.text), usage)
        except Exception as error:
            # openai, httpx and LangChain all have errors of their own for the same troubles.
            _log.warning("the model endpoint failed: %s", type(error).__name__)
            raise self._explain(error) from error

    def _explain(self, error: Exception) -> ModelError:  # noqa: PLR0911 - one for each trouble
        import openai

        match error:
            case openai.AuthenticationError() | openai.PermissionDeniedError():
                return ModelError(
                    "denied", f"The model endpoint refused the key ({error.status_code}). "
                    "Check LLM_API_KEY.",
                )  # fmt: skip
            case openai.NotFoundError():
                return ModelError(
                    "not_found", f"The model endpoint at {self._url} does not know the model "
                    f"{self._name}. Check LLM_MODEL and LLM_BASE_URL.",
                )  # fmt: skip
            case openai.RateLimitError():
                return ModelError("busy", "The model endpoint is busy (429). Try again soon.")
            case openai.APITimeoutError():
                return ModelError("timeout", "The model endpoint did not answer in time.")
            case openai.APIConnectionError():
                return ModelError("unreachable", f"Nothing answers at {self._url} (LLM_BASE_URL).")
            case openai.APIStatusError():
                return ModelError(
                    "refused" if error.status_code < 500 else "failed",  # noqa: PLR2004 - HTTP
                    f"The model endpoint answered with an error ({error.status_code}).",
                )
        return ModelError("broken", "The model endpoint sent something that is no answer.")


def openai_base(url: str) -> str:
    """The base address of an OpenAI-compatible service; a bare host gets the usual /v1."""
    bare = url.rstrip("/")
    return bare if urlsplit(bare).path else f"{bare}/v1"
