"""The rule for words that stored texts and search texts share."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.fields import JobGroupFields
from models.store.words import search_queries, search_vector, words_of


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("BATCH-2023-001", ["batch", "2023", "001"]),
        ("Zürich, Œuvres d'été", ["zurich", "œuvres", "d", "ete"]),
        ("snake_case", ["snake", "case"]),
        ("Straße", ["strasse"]),
        ("ﬁnal ①", ["final", "1"]),
        ("100㎒", ["100mhz"]),
        ("請求書", ["請求書"]),
        ("a & b | !c:*", ["a", "b", "c"]),
        ("  --- ''' \\ \0 \ud800", []),
        ("", []),
        ("x" * 150, ["x" * 100]),
    ],
)
def test_words_of(text: str, words: list[str]) -> None:
    assert words_of(text) == words


def test_a_search_asks_for_every_word_by_its_beginning() -> None:
    assert search_queries("Lyon 2023!") == ["lyon:*", "2023:*"]


def test_a_search_without_a_word_has_no_query() -> None:
    assert search_queries("?! & | :*") == []


def test_the_number_of_words_in_a_search_is_bounded() -> None:
    assert len(search_queries(" ".join(map(str, range(1000))))) == 20


def test_name_description_batch_number_and_tags_are_searched() -> None:
    fields = JobGroupFields.model_validate(
        {"name": "March", "template": "hidden", "description": "all of Lyon", "batchNumber": "B-7", "tags": ["vat"]}
    )
    assert search_vector(fields) == "march all of lyon b 7 vat"


@given(st.text())
def test_words_are_already_folded_and_need_no_quotes(text: str) -> None:
    for word in words_of(text):
        assert words_of(word) == [word]
        assert not re.search(r"[\s'\\:&|!()<>*]", word)
