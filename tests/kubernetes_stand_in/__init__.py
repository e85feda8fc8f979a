"""A stand-in for the cluster's API: what we use of it, with the rights that `deploy/` grants.

It answers as a real API server does, also where that is surprising: a group that nobody serves is
a 404 in plain text, an object that is applied for the first time needs the right to create it, and
a namespace that is deleted stays until nothing in it is held. `Fault`s are named, happen at named
calls, and say how often they did.
"""

from tests.kubernetes_stand_in.content import TOKEN, Fault, Grant, KubernetesStandIn, granted
from tests.kubernetes_stand_in.server import kubernetes_stand_in
from tests.kubernetes_stand_in.writing import merged

__all__ = [
    "TOKEN",
    "Fault",
    "Grant",
    "KubernetesStandIn",
    "granted",
    "kubernetes_stand_in",
    "merged",
]
