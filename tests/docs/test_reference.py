"""docs/reference/ and the list of decisions say what the code says."""

import pytest

from settings import Settings
from tests.docs.pages import ROOT
from tests.docs.reference import documents

DOCUMENTS = {str(path.relative_to(ROOT)): page for path, page in documents().items()}


@pytest.mark.parametrize("page", DOCUMENTS)
def test_the_page_is_what_the_code_makes(page: str) -> None:
    assert (ROOT / page).read_text() == DOCUMENTS[page], "`make reference` writes it anew"


def test_every_setting_says_what_it_is_for() -> None:
    assert {name for name, field in Settings.model_fields.items() if not field.description} == set()
