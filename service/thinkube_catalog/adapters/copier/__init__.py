"""Rendering by Copier, contained: the only package that imports it.

`renderer.py` is the service's side (no Copier there); `process.py` and what it imports runs in the
render server and its children.
"""

from thinkube_catalog.adapters.copier.limits import Limits
from thinkube_catalog.adapters.copier.renderer import CopierRenderer

__all__ = ["CopierRenderer", "Limits"]
