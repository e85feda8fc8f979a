"""The forge in Gitea: its API for what repositories are, Git over HTTP for what they hold."""

from thinkube_catalog.adapters.gitea.connections import Care, Hook
from thinkube_catalog.adapters.gitea.forge import GiteaForge

__all__ = ["Care", "GiteaForge", "Hook"]
