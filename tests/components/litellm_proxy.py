"""A real LiteLLM proxy in front of an OpenAI-compatible server."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.components.environments import environment
from tests.components.servers import free_port, running

_PACKAGES = ("litellm[proxy]==1.106.2",)


@contextmanager
def litellm_proxy(backend: str, model: str, key: str, folder: Path) -> Iterator[str]:
    """The base address (without /v1) of a gateway that offers the backend's model under its name.

    `key` is what callers must send.
    """
    python = environment(*_PACKAGES, compiled=True)
    port = free_port()
    passed = {"model": f"openai/{model}", "api_base": backend, "api_key": "unused"}
    config = {
        "model_list": [{"model_name": model, "litellm_params": passed}],
        "general_settings": {"master_key": key},
        "router_settings": {"num_retries": 0},
    }
    path = folder / "litellm.yaml"
    path.write_text(json.dumps(config), encoding="utf-8")  # JSON is YAML
    command = [str(python.with_name("litellm")), "--config", str(path)]
    command += ["--host", "127.0.0.1", "--port", str(port)]
    ready = f"http://127.0.0.1:{port}/health/readiness"
    quiet = {"LITELLM_LOCAL_MODEL_COST_MAP": "True", "NO_PROXY": "*"}
    with running(command, ready, folder / "litellm.log", environment=quiet):
        yield f"http://127.0.0.1:{port}"
