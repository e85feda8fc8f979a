"""llama.cpp's OpenAI-compatible server, with a model file of ours."""

import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.components.environments import CACHE, environment, locked
from tests.components.servers import free_port, running

_VERSION = "0.3.36"
_BUILD_SECONDS = 1500


@contextmanager
def llama_server(model: Path, alias: str, log: Path) -> Iterator[str]:
    """The base address (with /v1) of a server that offers the model under this name."""
    python = environment(f"llama-cpp-python[server] @ {_wheel().as_uri()}")
    port = free_port()
    command = [str(python), "-m", "llama_cpp.server", "--model", str(model), "--n_ctx", "512"]
    command += ["--model_alias", alias, "--host", "127.0.0.1", "--port", str(port)]
    with running(command, f"http://127.0.0.1:{port}/v1/models", log):
        yield f"http://127.0.0.1:{port}/v1"


def _wheel() -> Path:
    """Built once: the package is published as source, and compiling takes minutes."""
    folder = CACHE / "wheels"
    pattern = f"llama_cpp_python-{_VERSION}-*.whl"
    with locked(folder / "llama"):
        if not list(folder.glob(pattern)):
            if shutil.which("c++") is None:
                pytest.skip("building llama.cpp needs a C++ compiler")
            python = environment("pip==26.0")
            build = [str(python), "-m", "pip", "wheel", "--quiet", "--no-deps"]
            build += ["--wheel-dir", str(folder), f"llama-cpp-python=={_VERSION}"]
            subprocess.run(build, check=True, timeout=_BUILD_SECONDS)
    return next(folder.glob(pattern))
