"""Word search without a model: tokens, and BM25 weights as sparse vectors.

BM25 (Robertson and Zaragoza, 2009) is a product of two parts. The part that depends on one passage
is computed here; the part that depends on all passages (IDF) is computed by Qdrant.
"""

import re
import unicodedata
from collections import Counter
from functools import lru_cache
from hashlib import blake2b

from langchain_qdrant.sparse_embeddings import SparseEmbeddings, SparseVector

from rag_agent.settings import Language

K1 = 1.2  # how soon repeating a word stops to count
B = 0.75  # how much long passages are marked down
_WORD = re.compile(r"\w+")
# Scripts that write without spaces: their words are found as pairs of characters.
_UNSPACED = re.compile(r"[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]+")


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


_STOP: dict[Language, frozenset[str]] = {
    "english": _words(
        "a about all also an and any are as at be been but by can could did do does each "
        "for from had has have how i if in into is it its just may me mean might more "
        "most must my no not of on only or other our out over please say shall she should "
        "so some such tell than that the their them then there these they this those to "
        "under up us very was we were what when where which while who whom whose why will "
        "with would you your"
    ),
    "german": _words(
        "aber alle als am an auch auf aus bei bin bis bitte da das dass dem den der des "
        "die dies diese dieser dieses doch dort du durch ein eine einem einen einer eines "
        "er es für haben hat ich ihr im in ist ja kann kein keine können man mein mit "
        "muss nach nicht noch nur ob oder sein sie sind so soll um und uns unter vom von "
        "vor war was weil welche wenn wer wie wir wird wo zu zum zur über"
    ),
    "french": _words(
        "a ai au aux avec ce ces cette comme comment d dans de des du elle en est et il "
        "ils je l la le les leur lui ma mais me mes même mon ne nos notre nous on ou où "
        "par pas peut plus pour pourquoi qu quand que quel quelle quels qui s sa sans se "
        "ses si son sont sur ta te tes tu un une vos votre vous y à été être"
    ),
    "spanish": _words(
        "a al algo como con cual cuando cuál cuándo cómo de del donde dónde el ella ellos "
        "en entre era es esta este esto está la las le les lo los me mi muy más nada ni "
        "no nos o para pero por porque puede que quien quién qué se ser si sin sobre son "
        "su sus sí te tiene tu un una unas unos y ya yo él"
    ),
    "other": frozenset(),
}
# Endings that only bend a word, longest first, and what is put in their place.
_ENDINGS: dict[Language, tuple[tuple[str, str], ...]] = {
    "english": (
        ("ies", "y"),
        ("ied", "y"),
        ("sses", "ss"),
        ("ing", ""),
        ("ed", ""),
        ("es", ""),
        ("s", ""),
    ),
    "german": (("en", ""), ("er", ""), ("es", ""), ("em", ""), ("e", ""), ("n", ""), ("s", "")),
    "french": (("es", ""), ("s", ""), ("x", ""), ("e", "")),
    "spanish": (("es", ""), ("s", "")),
    "other": (),
}
_SHORTEST_STEM = 3


def tokens(text: str, language: Language) -> list[str]:
    """The words that carry meaning, in order, folded so that forms of one word are equal."""
    folded = unicodedata.normalize("NFKC", text).casefold()
    found: list[str] = []
    for word in _WORD.findall(folded):
        if _UNSPACED.search(word):
            found += [word[at : at + 2] for at in range(max(1, len(word) - 1))]
        elif word not in _STOP[language]:
            found.append(stem(word, language))
    return found


@lru_cache(maxsize=50_000)
def stem(word: str, language: Language) -> str:
    """Take off one bending ending; words stay apart rather than being merged wrongly."""
    if not word.isalpha():
        return word
    bare = word
    for ending, instead in _ENDINGS[language]:
        if word.endswith(ending) and len(word) - len(ending) >= _SHORTEST_STEM:
            kept = language == "english" and word.endswith(("ss", "us", "is"))
            bare = word if kept else word.removesuffix(ending) + instead
            break
    # "license" and "licenses" meet here, since "-es" took the e of the second.
    silent_e = language == "english" and len(bare) > _SHORTEST_STEM
    return bare.removesuffix("e") if silent_e else bare


def coverage(question: str, passage: str, language: Language) -> float:
    """The share (0 to 1) of the question's different words that the passage holds."""
    asked = set(tokens(question, language))
    return len(asked & set(tokens(passage, language))) / len(asked) if asked else 0.0


class Bm25(SparseEmbeddings):
    """Sparse vectors whose dot product with a question, times IDF, is BM25.

    `typical_length` is the usual number of tokens in a passage. A constant, because an average
    over the collection would change the meaning of vectors that are already stored.
    """

    def __init__(self, language: Language, typical_length: float) -> None:
        self._language = language
        self._typical_length = typical_length

    def embed_documents(self, texts: list[str]) -> list[SparseVector]:
        return [self._passage(text) for text in texts]

    def embed_query(self, text: str) -> SparseVector:
        counts = Counter(_index(token) for token in tokens(text, self._language))
        return _vector({index: float(count) for index, count in counts.items()})

    def _passage(self, text: str) -> SparseVector:
        found = tokens(text, self._language)
        norm = K1 * (1 - B + B * len(found) / self._typical_length)
        counts = Counter(_index(token) for token in found)
        return _vector({at: tf * (K1 + 1) / (tf + norm) for at, tf in counts.items()})


def _vector(weights: dict[int, float]) -> SparseVector:
    ordered = sorted(weights.items())
    return SparseVector(
        indices=[index for index, _ in ordered], values=[weight for _, weight in ordered]
    )


@lru_cache(maxsize=50_000)
def _index(token: str) -> int:
    """A token's place in the vector: the same in every process and on every machine."""
    return int.from_bytes(blake2b(token.encode(), digest_size=4).digest(), "big")
