"""Probes, and how long a container may take to start."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import replace

from thinkube_catalog.domain.descriptor import Container
from thinkube_catalog.domain.kubernetes.objects import HTTPGetAction, Probe, TCPSocketAction
from thinkube_catalog.domain.kubernetes.sizes import gpu_count

DEFAULT_PORT = 8080
"""Where probes go when a container states a health path and no port, as Thinkube does."""

_USUAL_START = 300
_GPU_START = 600
_LONGEST_START = 4 * 3600
_SECONDS_PER_GIB = 25  # 50 MB/s from the network (21 s), then 300 MB/s from disk to GPU (4 s)
_UNKNOWN_MODEL_GIB = 16  # eight billion parameters at sixteen bits

_PARAMETERS = re.compile(
    r"(?<![a-z0-9.])(?:(?P<experts>\d+)x)?(?P<count>\d+(?:\.\d+)?)(?P<unit>[bm])(?![a-z0-9])"
)
_MODEL_NAMES = re.compile(r"(^|_)(model|llm)(_|$)")
_BITS = (
    (re.compile(r"nvfp4|mxfp4|fp4|int4|4bit|4-bit|awq|gptq|q4|w4a16|bnb"), 4.5),
    (re.compile(r"fp8|int8|8bit|8-bit|q8|w8a8"), 8.5),
)
_GPT_OSS = re.compile(r"gpt-oss")  # published at four bits, and its name does not say so


def start_budget(container: Container, parameters: Mapping[str, object]) -> int:
    """Return how many seconds a container may take from its start to its first readiness.

    Five minutes without a GPU. With one: ten minutes and 25 s per GiB of weights (fetched at 50
    MB/s and loaded at 300 MB/s), four hours at most. The weights are the largest model that a
    parameter names (`model_id: org/Name-8B`), else what fits the GPU memory asked for, else 16 GiB.
    """
    if not gpu_count(container):
        return _USUAL_START
    weights = model_gib(parameters) or _gpu_gib(container) or _UNKNOWN_MODEL_GIB
    return min(math.ceil(_GPU_START + weights * _SECONDS_PER_GIB), _LONGEST_START)


def model_gib(parameters: Mapping[str, object]) -> float:
    """Return the weights, in GiB, of the largest model named by a parameter; 0 if none is known."""
    named = (str(value) for name, value in parameters.items() if _MODEL_NAMES.search(name.lower()))
    return max((weights_gib(each) for each in named), default=0.0)


def weights_gib(model: str) -> float:
    """Read the weights' size in GiB out of a model's name; 0 if the name does not say.

    Parameters times bits per parameter: 16, unless the name tells a quantisation.
    """
    name = model.lower().replace("_", "-")
    billions = max((_billions(each) for each in _PARAMETERS.finditer(name)), default=0.0)
    return billions * 1e9 * _bits(name) / 8 / 2**30


def _billions(match: re.Match[str]) -> float:
    count = float(match["count"]) * int(match["experts"] or 1)
    return count / 1000 if match["unit"] == "m" else count


def _bits(name: str) -> float:
    if _GPT_OSS.search(name):
        return 4.5
    return next((bits for pattern, bits in _BITS if pattern.search(name)), 16.0)


def _gpu_gib(container: Container) -> float:
    gpu = container.gpu
    return gpu.memory_gib * gpu_count(container) if gpu else 0.0


def startup_probe(container: Container, parameters: Mapping[str, object]) -> Probe | None:
    """Ask until the container is ready for the first time; the other probes wait for this one."""
    period, timeout = (10, 10) if gpu_count(container) else (5, 5)
    failures = math.ceil(start_budget(container, parameters) / period)
    return _readiness(container, period, timeout, failures)


def liveness_probe(container: Container) -> Probe | None:
    """Restart the container when it has stopped answering for half a minute or more."""
    if not container.health:
        return None
    period, timeout = (30, 10) if gpu_count(container) else (10, 5)
    return _http(container, container.health, period, timeout, 3)


def readiness_probe(container: Container) -> Probe | None:
    """Send no requests while the container says that it is not ready."""
    period, timeout = (10, 10) if gpu_count(container) else (5, 5)
    return _readiness(container, period, timeout, 3)


def knative_probe(container: Container) -> Probe | None:
    """Ask for readiness; Knative fills in its port itself and refuses a named one."""
    path = container.ready or container.health
    if not path:
        return None
    return replace(_http(container, path, 5, 5, 3), http_get=HTTPGetAction(path=path))


def _readiness(container: Container, period: int, timeout: int, failures: int) -> Probe | None:
    """Ask the readiness path, else the health path, else whether the port takes connections."""
    path = container.ready or container.health
    if path:
        return _http(container, path, period, timeout, failures)
    if not container.port:
        return None
    return Probe(
        tcp_socket=TCPSocketAction(port="http"),
        period_seconds=period,
        timeout_seconds=timeout,
        failure_threshold=failures,
    )


def _http(container: Container, path: str, period: int, timeout: int, failures: int) -> Probe:
    return Probe(
        http_get=HTTPGetAction(path=path, port="http" if container.port else DEFAULT_PORT),
        period_seconds=period,
        timeout_seconds=timeout,
        failure_threshold=failures,
    )
