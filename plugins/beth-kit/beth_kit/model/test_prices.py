"""What models cost."""

import importlib
import json
from typing import Any

import pytest

from beth_kit.model.base import ModelRequest, Usage
from beth_kit.model.litellm_model import _load
from beth_kit.model.prices import Price, input_tokens_at_most, price_of


def test_a_known_model_has_its_price_and_cached_tokens_cost_less() -> None:
    price = price_of("openai", "gpt-5.1")
    assert price is not None
    assert price.cost(Usage(1_000_000, 1_000_000)) > price.cost(Usage(1_000_000, 1_000_000, cached_tokens=500_000)) > 0


def test_a_model_has_its_price_at_its_own_provider_only() -> None:
    assert price_of("openai", "claude-sonnet-4-5") is None
    assert price_of("openai", "no-such-model") is None


@pytest.mark.parametrize("provider", ["ollama", "hosted_vllm"])
def test_what_runs_on_the_users_own_machine_is_free(provider: str) -> None:
    assert price_of(provider, "anything") == Price(0.0, 0.0)


def test_long_contexts_may_cost_more() -> None:
    price = Price(1.0, 2.0, tiers=((100, 3.0, 4.0),))
    assert price.cost(Usage(100, 1)) == 100 * 1.0 + 2.0
    assert price.cost(Usage(101, 1)) == 101 * 3.0 + 4.0
    assert price.most(101, 1) == 101 * 3.0 + 4.0


def test_the_most_a_call_can_cost_counts_writing_the_cache_and_all_the_output_there_may_be() -> None:
    price = Price(1.0, 2.0, cache_write=1.25, max_output=1000)
    assert price.most(100, None) == 125 + 2000
    assert price.most(100, 10) == 125 + 20


@pytest.mark.parametrize(
    "text", ["deadbeef" * 500, json.dumps([[1, 2]] * 500), "语言模型" * 500, "prose and code() " * 200]
)
def test_no_text_has_more_tokens_than_are_reserved(text: str) -> None:
    tokens = len(encoding().encode(text))
    assert tokens <= input_tokens_at_most(ModelRequest([{"role": "user", "content": text}]))


def encoding() -> Any:
    """A tokenizer whose data litellm ships, so that nothing is fetched."""
    _load()
    return importlib.import_module("litellm.litellm_core_utils.default_encoding").encoding
