"""Every setting, read once from the environment (and, below it, from the file app.env)."""

import json
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, SecretStr, field_validator, model_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

Language = Literal["english", "german", "french", "spanish", "other"]


class TokenOwner(BaseModel):
    """Whom an API token stands for."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    user: str = Field(min_length=1, max_length=200)
    groups: tuple[str, ...] = ()


class Settings(BaseSettings):
    """All settings. Fields are named like their environment variables, in lower case."""

    model_config = SettingsConfigDict(
        frozen=True,
        env_file="app.env",
        extra="ignore",
        env_ignore_empty=True,
        hide_input_in_errors=True,  # inputs hold secrets
    )

    app_name: str = Field("rag-agent", description="Name of this application, and of its model.")
    assistant_title: str = Field("Document assistant", description="Title of the chat page.")
    document_language: Language = Field(
        "english", description="Language of the documents: english, german, french, spanish, other."
    )
    data_dir: Path = Field(Path("data"), description="Folder for the index and conversations.")
    root_path: str = Field("", description="Path under which a proxy serves the application.")

    llm_base_url: str = Field("", description="OpenAI-compatible endpoint that writes answers.")
    llm_api_key: SecretStr = Field(SecretStr(""), description="Key for that endpoint.")
    llm_model: str = Field("", description="Model that the endpoint is asked for.")
    llm_temperature: float = Field(0.1, ge=0, le=2, description="0 is repeatable, 1 is lively.")
    llm_max_tokens: int = Field(800, ge=1, description="Longest answer, in tokens.")
    llm_timeout_s: float = Field(60, gt=0, description="Seconds to wait for the model.")
    llm_retries: int = Field(2, ge=0, le=10, description="New tries, with growing pauses.")

    embeddings_base_url: str = Field("", description="OpenAI-compatible endpoint for embeddings.")
    embeddings_api_key: SecretStr = Field(SecretStr(""), description="Key for that endpoint.")
    embeddings_model: str = Field("", description="Embedding model that the endpoint is asked for.")
    embeddings_model_path: str = Field(
        "", description="Folder of a sentence-transformers model, instead of an endpoint."
    )

    qdrant_url: str = Field(
        "", description="Qdrant server; empty: embedded, in DATA_DIR; `:memory:`: nothing is kept."
    )
    qdrant_api_key: SecretStr = Field(SecretStr(""), description="Key for the Qdrant server.")
    collection: str = Field("documents", description="Qdrant collection that holds the passages.")

    chunk_size: int = Field(1200, ge=100, le=20000, description="Longest passage, in characters.")
    chunk_overlap: int = Field(150, ge=0, description="Characters that neighbours share.")
    top_k: int = Field(5, ge=1, le=50, description="Passages given to the model.")
    passage_budget: int = Field(
        12000, ge=200, description="Most characters of passages in one prompt."
    )
    min_coverage: float = Field(
        0.3, ge=0, le=1, description="Share of a question's words that a relevant passage holds."
    )
    min_similarity: float = Field(
        0.35, ge=-1, le=1, description="Cosine similarity from which a passage is relevant."
    )
    memory_turns: int = Field(6, ge=0, le=100, description="Earlier turns that the model sees.")

    max_file_mb: float = Field(25, gt=0, description="Largest file that is taken.")
    max_upload_mb: float = Field(200, gt=0, description="Largest request that is taken.")
    max_files: int = Field(100, ge=1, description="Most files in one request.")
    max_pages: int = Field(2000, ge=1, description="Most pages of one PDF.")
    max_text_mb: float = Field(20, gt=0, description="Most text taken from one file.")
    read_timeout_s: float = Field(120, gt=0, description="Seconds in which a PDF must be read.")

    trust_identity_headers: bool = Field(
        False,
        description="Believe X-Forwarded-User and -Groups. Only behind a proxy that sets them.",
    )
    api_tokens: Annotated[dict[str, TokenOwner], NoDecode] = Field(
        default_factory=dict,
        repr=False,
        description='JSON: `{"TOKEN": {"user": "...", "groups": ["..."]}}`.',
    )
    admins: Annotated[frozenset[str], NoDecode] = Field(
        frozenset(),
        description="Who may remove anything: `user:NAME`, `group:NAME`, with commas between.",
    )

    langfuse_public_key: str = Field(
        "", description="With the secret key and the address: traces go to Langfuse."
    )
    langfuse_secret_key: SecretStr = Field(SecretStr(""), description="Langfuse's secret key.")
    langfuse_base_url: str = Field("", description="Langfuse's address.")

    @field_validator("api_tokens", mode="before")
    @classmethod
    def _tokens_are_json(cls, value: object) -> object:
        if not isinstance(value, str):
            return value
        try:
            return json.loads(value)
        except json.JSONDecodeError:
            # The text holds secrets: say where it breaks, never what it says.
            raise ValueError('API_TOKENS is not JSON like {"TOKEN": {"user": "ann"}}') from None

    @field_validator("admins", mode="before")
    @classmethod
    def _admins_are_listed(cls, value: object) -> object:
        if isinstance(value, str):
            return frozenset(part.strip() for part in value.split(",") if part.strip())
        return value

    @model_validator(mode="after")
    def _settings_agree(self) -> Self:
        if self.chunk_overlap * 2 > self.chunk_size:
            raise ValueError("CHUNK_OVERLAP is more than half of CHUNK_SIZE")
        wrong = [name for name in self.admins if not name.startswith(("user:", "group:"))]
        if wrong:
            raise ValueError(f"ADMINS holds {sorted(wrong)}; write user:NAME or group:NAME")
        return self

    @property
    def missing_for_model(self) -> tuple[str, ...]:
        """The variables without which no model can be asked."""
        given = {"LLM_BASE_URL": self.llm_base_url, "LLM_MODEL": self.llm_model}
        return tuple(name for name, value in given.items() if not value)

    @property
    def model_is_configured(self) -> bool:
        return not self.missing_for_model

    @property
    def identity_is_configured(self) -> bool:
        return self.trust_identity_headers or bool(self.api_tokens)


def table() -> str:
    """The settings as a Markdown table, for the README."""
    rows = ["| Variable | Default | Meaning |", "| --- | --- | --- |"]
    for name, field in Settings.model_fields.items():
        default = field.get_default(call_default_factory=True, validated_data={})
        if isinstance(default, SecretStr):
            default = default.get_secret_value()
        shown = f"`{default}`" if default not in ("", {}, frozenset()) else ""
        rows.append(f"| `{name.upper()}` | {shown} | {field.description} |")
    return "\n".join(rows)


if __name__ == "__main__":
    print(table())
