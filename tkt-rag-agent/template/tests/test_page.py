"""What the page shows. Everything in it was written by somebody else."""

from rag_agent import panels
from rag_agent.answering import Answer
from rag_agent.index import Document, Match
from rag_agent.retrieval import Passage

ATTACK = "<script>alert(1)</script><img src=x onerror=alert(1)>"


def a_passage(number: int = 1, text: str = ATTACK) -> Passage:
    document = Document("id", ATTACK, ATTACK, "", ("everyone",), "hash", 1, "now")
    return Passage(number, Match("p", text, document, 0, 3, ATTACK, 1.0), 0.1, 0.5, None)


def an_answer(status: str, text: str = "", message: str = "") -> Answer:
    passage = a_passage()
    return Answer("c", status, text, message, (passage,), (passage,), "words", (ATTACK,), None)  # type: ignore[arg-type]


def test_no_text_of_a_document_becomes_part_of_the_page() -> None:
    document = a_passage().match.document
    for shown in (
        panels.passages([a_passage()], [a_passage()], [ATTACK]),
        panels.documents([document]),
        panels.status([ATTACK]),
        panels.removed(ATTACK),
        panels.header(ATTACK),
        panels.answer(an_answer("no_model", message=ATTACK)),
        panels.answer(an_answer("answered", text=ATTACK)),
    ):
        assert "<script" not in shown
        assert "<img" not in shown


def test_an_answer_brings_no_links_and_images_along() -> None:
    shown = panels.answer_text("See ![x](https://else/?q=secret), [here](https://else) [1].")
    assert "://" not in shown
    assert "[1]" in shown


def test_cited_passages_come_first_and_are_marked() -> None:
    first, second = a_passage(1, "one"), a_passage(2, "two")
    shown = panels.passages([first, second], [second])
    assert shown.index("<b>[2]</b>") < shown.index("<b>[1]</b>")
    assert shown.count("class='cited'") == 1


def test_without_a_model_the_reply_names_the_variables_and_quotes_passages() -> None:
    shown = panels.answer(an_answer("no_model", message="Set LLM_BASE_URL."))
    assert "LLM\\_BASE\\_URL" in shown
    assert "**[1]" in shown
