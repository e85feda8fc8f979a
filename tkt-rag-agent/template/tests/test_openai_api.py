"""The application as a model, spoken to by the official client."""

from typing import Any

import pytest
from fastapi.testclient import TestClient
from openai import APIError, APIStatusError, BadRequestError, NotFoundError, OpenAI

from rag_agent.errors import ModelError
from tests.builders import HANDBOOK, ScriptedWriter, add
from tests.conftest import Start

HOLIDAY = "How many days of paid holiday are there?"


def openai_for(client: TestClient) -> OpenAI:
    """The official client, talking to the application without a network."""
    return OpenAI(base_url="http://testserver/v1", api_key="unused", http_client=client)


def asked(*messages: tuple[str, str]) -> Any:
    return [{"role": role, "content": content} for role, content in messages]


def test_the_model_is_listed_under_the_name_of_the_application(start: Start) -> None:
    models = openai_for(start(app_name="legal-qa")).models.list()
    assert [model.id for model in models.data] == ["legal-qa"]


def test_a_completion_holds_text_usage_and_citations(start: Start) -> None:
    client = start("Thirty days [1].")
    add(client, ("handbook.md", HANDBOOK))
    reply = openai_for(client).chat.completions.create(
        model="rag-agent", messages=asked(("user", HOLIDAY))
    )
    assert reply.choices[0].message.content == "Thirty days [1]."
    assert reply.choices[0].finish_reason == "stop"
    assert reply.usage is not None
    assert reply.usage.prompt_tokens == 100
    assert reply.model_extra is not None
    assert reply.model_extra["rag"]["citations"][0]["document"] == "handbook.md"


def test_a_stream_ends_with_citations_and_usage(start: Start) -> None:
    client = start("Thirty days [1].")
    add(client, ("handbook.md", HANDBOOK))
    chunks = list(
        openai_for(client).chat.completions.create(
            model="rag-agent",
            messages=asked(("user", HOLIDAY)),
            stream=True,
            stream_options={"include_usage": True},
        )
    )
    text = "".join(c.choices[0].delta.content or "" for c in chunks if c.choices)
    assert text == "Thirty days [1]."
    assert len({chunk.id for chunk in chunks}) == 1
    assert chunks[-1].usage is not None
    assert chunks[-1].usage.completion_tokens == len(text)
    last = chunks[-2]
    assert last.choices[0].finish_reason == "stop"
    assert last.model_extra is not None
    assert last.model_extra["rag"]["citations"][0]["number"] == 1


def test_earlier_messages_and_the_system_message_reach_the_model(start: Start) -> None:
    writer = ScriptedWriter("Does holiday expire?", "Yes [1].")
    client = start(writer=writer)
    add(client, ("handbook.md", HANDBOOK))
    openai_for(client).chat.completions.create(
        model="rag-agent",
        messages=asked(
            ("system", "Answer in rhymes."),
            ("user", HOLIDAY),
            ("assistant", "Thirty."),
            ("user", "Does it expire?"),
        ),
    )
    assert "Answer in rhymes." in str(writer.prompts[-1][0].content)
    assert [str(message.content) for message in writer.prompts[-1][1:3]] == [HOLIDAY, "Thirty."]


def test_without_a_model_the_reply_says_so_and_quotes_the_passages(start: Start) -> None:
    client = start()
    add(client, ("handbook.md", HANDBOOK))
    for stream in (False, True):
        body = {"model": "rag-agent", "messages": asked(("user", HOLIDAY)), "stream": stream}
        text = client.post("/v1/chat/completions", json=body).text
        assert "LLM_BASE_URL" in text
        assert "thirty days" in text


def test_another_model_is_not_found(start: Start) -> None:
    with pytest.raises(NotFoundError, match=r"gpt-x does not exist; this is rag-agent"):
        openai_for(start()).chat.completions.create(
            model="gpt-x", messages=asked(("user", HOLIDAY))
        )


@pytest.mark.parametrize(
    "messages",
    [
        [],
        asked(("assistant", "Hello.")),
        [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "x"}}]}],
    ],
)
def test_requests_that_make_no_sense_get_openais_error_shape(start: Start, messages: Any) -> None:
    with pytest.raises((BadRequestError, APIStatusError)) as caught:
        openai_for(start()).chat.completions.create(model="rag-agent", messages=messages)
    assert caught.value.status_code in (400, 422)
    assert isinstance(caught.value.body, dict)
    assert caught.value.body["type"] == "invalid_request_error"


@pytest.mark.parametrize("stream", [False, True])
def test_a_failing_endpoint_is_an_error_with_its_reason(start: Start, stream: bool) -> None:
    client = start(ModelError("timeout", "The model endpoint did not answer in time."))
    add(client, ("handbook.md", HANDBOOK))
    with pytest.raises(APIStatusError, match="did not answer in time") as caught:
        openai_for(client).chat.completions.create(
            model="rag-agent", messages=asked(("user", HOLIDAY)), stream=stream
        )
    assert caught.value.status_code == 504


def test_an_endpoint_that_fails_in_the_middle_ends_the_stream_with_an_error(start: Start) -> None:
    class Breaking(ScriptedWriter):
        def write(self, prompt: Any) -> Any:
            yield from super().write(prompt)
            raise ModelError("unreachable", "Nothing answers.")

    client = start(writer=Breaking("Thirty"))
    add(client, ("handbook.md", HANDBOOK))
    stream = openai_for(client).chat.completions.create(
        model="rag-agent", messages=asked(("user", HOLIDAY)), stream=True
    )
    with pytest.raises(APIError, match="Nothing answers"):
        list(stream)
