"""A stand-in for Argo CD's server: its API as far as we use it.

It answers as Argo CD 3.5 does, also where that is surprising. Its cluster is in memory.
"""

from tests.argocd_stand_in.server import argocd_stand_in

__all__ = ["argocd_stand_in"]
