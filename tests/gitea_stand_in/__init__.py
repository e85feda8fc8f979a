"""A stand-in for Gitea: its API as far as we use it, over real bare repositories.

It answers as `docs/gitea.md` says that Gitea does, also where that is surprising. `Fault`s are
named, happen at named calls, and say how often they did.
"""

from tests.gitea_stand_in.content import PAGE_CAP, SCOPES, GiteaStandIn, PullRequest, Stored
from tests.gitea_stand_in.server import gitea_stand_in

__all__ = ["PAGE_CAP", "SCOPES", "GiteaStandIn", "PullRequest", "Stored", "gitea_stand_in"]
