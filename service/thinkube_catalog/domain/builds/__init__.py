"""How a project's images are built: the workflow that the forge runs after each push.

`project.py` makes it from a descriptor; it is imported when needed, since objects of a cluster
are what it stands on.
"""

from thinkube_catalog.domain.builds.values import WORKFLOW_NAME, WORKFLOW_PATH

__all__ = ["WORKFLOW_NAME", "WORKFLOW_PATH"]
