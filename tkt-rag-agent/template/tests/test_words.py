import pytest
from qdrant_client import QdrantClient, models

from rag_agent.settings import Language
from rag_agent.words import Bm25, coverage, stem, tokens


def test_words_without_meaning_are_left_out() -> None:
    assert tokens("What is the price of a train?", "english") == ["pric", "train"]


@pytest.mark.parametrize(
    ("language", "forms"),
    [
        ("english", ["license", "licenses", "licensed", "licensing"]),
        ("english", ["copy", "copies", "copied", "copying"]),
        ("german", ["vertrag", "vertrages", "vertrags"]),
        ("french", ["contrat", "contrats"]),
        ("spanish", ["contrato", "contratos"]),
    ],
)
def test_the_forms_of_a_word_are_one_token(language: Language, forms: list[str]) -> None:
    assert len({stem(form, language) for form in forms}) == 1


def test_words_that_only_look_bent_stay_apart() -> None:
    assert stem("process", "english") == "process"
    assert stem("this", "english") == "this"
    assert stem("2024s", "english") == "2024s"


def test_scripts_without_spaces_are_found_by_pairs_of_characters() -> None:
    assert tokens("契約書", "other") == ["契約", "約書"]


def test_case_and_width_do_not_matter() -> None:
    assert tokens("\uff27\uff30\uff2c Straße", "german") == tokens("gpl STRASSE", "german")


def test_coverage_is_the_share_of_different_words() -> None:
    assert coverage("train train taxi", "A taxi came", "english") == 0.5
    assert coverage("of the", "anything", "english") == 0.0


def test_vectors_have_unique_sorted_places() -> None:
    vector = Bm25("english", 100).embed_documents(["one two two three"])[0]
    assert vector.indices == sorted(set(vector.indices))
    assert len(vector.indices) == len(vector.values) == 3


def test_rare_words_weigh_more_than_common_ones() -> None:
    """IDF is Qdrant's part; the embedded Qdrant must do it as the server does."""
    texts = ["red car", "red house", "red tree", "blue house"]
    embedding = Bm25("english", 2)
    client = QdrantClient(":memory:")
    client.create_collection(
        "c",
        vectors_config={},
        sparse_vectors_config={"w": models.SparseVectorParams(modifier=models.Modifier.IDF)},
    )
    points = [
        models.PointStruct(id=at, vector={"w": models.SparseVector(**vector.model_dump())})
        for at, vector in enumerate(embedding.embed_documents(texts))
    ]
    client.upsert("c", points)
    asked = models.SparseVector(**embedding.embed_query("red blue").model_dump())
    found = client.query_points("c", query=asked, using="w").points
    client.close()
    assert found[0].id == 3, "blue is in one text, red in three"
    assert found[0].score > found[1].score > 0
