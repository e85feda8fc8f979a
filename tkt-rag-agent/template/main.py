"""The application, for `uvicorn main:app`."""

import logging

from rag_agent.settings import Settings
from rag_agent.shell import Shell

logging.basicConfig(level=logging.INFO, format="%(levelname)s %(name)s: %(message)s")
for chatty in ("httpx", "httpcore", "gradio"):
    logging.getLogger(chatty).setLevel(logging.WARNING)

settings = Settings()
app = Shell(settings)
