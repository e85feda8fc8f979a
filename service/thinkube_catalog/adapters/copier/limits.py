"""How much one render or one form evaluation may use."""

from __future__ import annotations

from dataclasses import dataclass

_KIB = 1024
_MIB = 1024 * _KIB


@dataclass(frozen=True)
class Limits:
    """Bounds on one contained child and on what it leaves. Times in seconds, sizes in bytes.

    `memory` is on top of what the preloaded process occupies. A template of 25 files renders in
    well under a tenth of a second and needs some megabytes: honest work is far below them all.
    """

    render_seconds: float = 15.0
    form_seconds: float = 3.0
    memory: int = 384 * _MIB
    file_size: int = 8 * _MIB
    total_size: int = 64 * _MIB
    files: int = 5000
    template_size: int = 256 * _MIB
    template_entries: int = 20_000
    message_size: int = 8 * _MIB
    answers_size: int = 512 * _KIB
    form_idle_seconds: float = 300.0
    form_workers: int = 8
