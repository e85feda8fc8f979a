"""A language model made on the spot: small enough to train in seconds, and it knows a few answers.

Training runs in an environment of its own (torch, transformers, gguf); see tiny_model_training.py.
"""

import hashlib
import json
import os
import subprocess
from collections.abc import Mapping
from pathlib import Path

from tests.components.environments import CACHE, environment, locked

_TRAINING = Path(__file__).with_name("tiny_model_training.py")
_PACKAGES = ("torch==2.13.0", "transformers==5.23.0", "tokenizers==0.23.3", "gguf==0.19.0")


def tiny_model(answers: Mapping[str, str]) -> Path:
    """A GGUF file of a Llama that answers these questions word for word at temperature 0.

    It looks only at what follows the last `Question:` of the last message (or at the whole message
    where there is none), so any prompt works.
    """
    told = json.dumps(dict(answers), sort_keys=True)
    key = told + _TRAINING.read_text(encoding="utf-8") + " ".join(_PACKAGES)
    digest = hashlib.sha256(key.encode()).hexdigest()[:16]
    made = CACHE / "models" / f"tiny-{digest}.gguf"
    with locked(made):
        if not made.exists():
            python = environment(*_PACKAGES)
            part = made.with_suffix(".part")
            subprocess.run(
                [python, _TRAINING, part],
                input=told.encode(),
                check=True,
                timeout=600,
                env=os.environ | {"OMP_NUM_THREADS": "2", "HF_HUB_OFFLINE": "1"},
            )
            part.rename(made)
    return made
