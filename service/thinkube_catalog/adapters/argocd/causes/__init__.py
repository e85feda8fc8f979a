"""Why an application is not healthy: pure functions from what was seen to named causes."""

from thinkube_catalog.adapters.argocd.causes.evidence import Evidence, Seen
from thinkube_catalog.adapters.argocd.causes.finding import causes_of

__all__ = ["Evidence", "Seen", "causes_of"]
