"""`python -m eval`: the figures for every evaluation set, with the configured model if any."""

import sys

from eval.measure import Figures, measure
from eval.questions import Corpus, handbook, licences
from rag_agent.settings import Settings
from rag_agent.writing import GatewayWriter


def main() -> None:
    settings = Settings()
    writer = GatewayWriter(settings) if settings.model_is_configured else None
    by = settings.llm_model if writer else "quoting, since no model is configured"
    corpora: dict[str, Corpus | None] = {"handbook": handbook(), "licences": licences()}
    for name, corpus in corpora.items():
        if corpus:
            print(f"{name}, answers by {by}\n{shown(measure(corpus, settings, writer))}\n")
        else:
            print(f"{name}: the texts are not on this machine\n", file=sys.stderr)


def shown(figures: Figures) -> str:
    """The figures as lines of text."""
    rows = [(f"hit rate at {k}", value) for k, value in figures.hit_at.items()]
    rows += [
        ("mean reciprocal rank", figures.mean_reciprocal_rank),
        ("unanswerable questions refused", figures.refused),
        ("answers grounded in their citations", figures.grounded),
        ("answers that cite the right passage", figures.right_source),
    ]
    lines = [f"  {label:<38} {value:6.2f}" for label, value in rows]
    return "\n".join([f"  {'questions':<38} {figures.questions:6d}", *lines, *_missed(figures)])


def _missed(figures: Figures) -> list[str]:
    return [f"  not found: {question}" for question in figures.missed]


if __name__ == "__main__":
    main()
