"""What can go wrong in a way that a person can mend. Everything else is a bug and crashes."""


class AgentError(Exception):
    """The base of all of them; its text is a sentence for the person who asked."""


class RefusedError(AgentError):
    """The caller may not do that."""


class UnknownCallerError(AgentError):
    """The caller's identity was given, and is wrong."""


class MissingError(AgentError):
    """There is no such document, ingestion or conversation (for this caller)."""


class InputError(AgentError):
    """What was sent breaks a rule; the text says which."""


class BusyError(AgentError):
    """Too much is waiting; try again later."""


class UnreadableError(AgentError):
    """A file cannot be taken in; the text says why."""


class IndexUnavailableError(AgentError):
    """The index of documents cannot be used now."""


class ModelError(AgentError):
    """The model endpoint did not answer; `kind` is a short name for metrics."""

    def __init__(self, kind: str, sentence: str) -> None:
        super().__init__(sentence)
        self.kind = kind
