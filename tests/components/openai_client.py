"""Asks through the official openai client; a program, run with an environment that has it.

`python openai_client.py BASE_URL MODEL QUESTION` prints JSON: the text, the streamed text, the
citations of both.
"""
# mypy: ignore-errors
# The client is no dependency of this project.

import json
import sys

from openai import OpenAI


def main() -> None:
    base_url, model, question = sys.argv[1:]
    client = OpenAI(base_url=base_url, api_key="unused", max_retries=0)
    messages = [{"role": "user", "content": question}]
    whole = client.chat.completions.create(model=model, messages=messages)
    chunks = list(client.chat.completions.create(model=model, messages=messages, stream=True))
    streamed = "".join(c.choices[0].delta.content or "" for c in chunks if c.choices)
    answer = {
        "models": [listed.id for listed in client.models.list()],
        "text": whole.choices[0].message.content,
        "usage": whole.usage.model_dump() if whole.usage else None,
        "citations": whole.model_extra["rag"]["citations"],
        "streamed": streamed,
        "streamed_citations": chunks[-1].model_extra["rag"]["citations"],
    }
    sys.stdout.write(json.dumps(answer))


if __name__ == "__main__":
    main()
