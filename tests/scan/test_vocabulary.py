"""What the catalog's names mean in a program."""

from __future__ import annotations

import pytest

from llm_migrate.scan.vocabulary import load_vocabulary


@pytest.mark.parametrize("name", ["SPARK_MASTER_URL", "hdInsightClustersSpark", "spark_key", "yi_url", "LLAMA_API_URL"])
def test_an_id_that_is_an_ordinary_word_means_no_vendor_inside_a_name(name: str):
    """Where a provider lists the words that mean it, its id alone is none of them."""
    assert load_vocabulary().name_role(name) is None


@pytest.mark.parametrize(
    ("name", "provider", "role"),
    [
        ("my_sparkai_key", "spark", "key"),
        ("LINGYIWANWU_BASE_URL", "yi", "url"),
        ("zhipu_api_key", "zhipu", "key"),
        ("kimi_base_url", "kimi", "url"),
        ("SPARK_API_KEY", "spark", "key"),
    ],
)
def test_a_vendors_word_inside_a_name_tells_whose_it_is(name: str, provider: str, role: str):
    """Listed words, or else the id, and names of variables that are listed whole."""
    found = load_vocabulary().name_role(name)

    assert found is not None
    assert (found.provider, found.role) == (provider, role)


@pytest.mark.parametrize("text", ["yi-34b", "general", "lite", "generally", "x1", "Llama-3.3-70B-Instruct", "pro-128k"])
def test_ordinary_words_and_open_weights_are_no_model_of_one_vendor(text: str):
    """An id that others use as well does not tell whose model it is."""
    assert load_vocabulary().model(text) is None


@pytest.mark.parametrize("text", ["发送到openai", "OpenAI 的 API key", "Clé OpenAI dérivée", "openai_key_中"])
def test_a_text_for_people_is_no_name(text: str):
    """A key with letters beyond ASCII is a sentence of a translation, whatever vendor it speaks of."""
    known = load_vocabulary()

    assert (known.name_role(text), known.vendor_word(text), known.vendor(text)) == (None, None, None)
