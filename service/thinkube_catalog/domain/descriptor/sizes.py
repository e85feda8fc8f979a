"""What a container's `size` and `buildSize` stand for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Size:
    """Requests and limits in Kubernetes' notation."""

    request_memory: str
    request_cpu: str
    limit_memory: str
    limit_cpu: str


SIZES: Mapping[str, Size] = {
    "small": Size("128Mi", "100m", "256Mi", "500m"),
    "medium": Size("256Mi", "250m", "512Mi", "1"),
    "large": Size("512Mi", "500m", "1Gi", "2"),
    "xlarge": Size("4Gi", "1", "16Gi", "4"),
}
UNKNOWN_SIZE = "small"
"""What Thinkube makes of a size that it does not know."""

BUILD_MEMORY: Mapping[str, str] = {
    "small": "4Gi",
    "medium": "8Gi",
    "large": "16Gi",
    "xlarge": "32Gi",
}
