"""The words for how big a container is. What they mean in objects stands with those."""

from __future__ import annotations

from collections.abc import Mapping

SIZES = ("small", "medium", "large", "xlarge")
UNKNOWN_SIZE = "small"
"""What Thinkube makes of a size that it does not know."""

BUILD_MEMORY: Mapping[str, str] = {
    "small": "4Gi",
    "medium": "8Gi",
    "large": "16Gi",
    "xlarge": "32Gi",
}
"""Memory for building an image, by `buildSize`."""
