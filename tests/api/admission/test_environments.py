from __future__ import annotations

from typing import Any

import pytest

from placet_api.admission.environments import parse
from placet_api.errors import ConfigurationError

ROWS = [
    {"cluster": "other", "namespaces": ["*"], "environment": "test"},
    {"cluster": "here", "namespaces": ["shop", "shop-*"], "environment": "prod"},
    {"namespaces": ["*-dev", "a**b"], "environment": "dev"},
    {"namespaces": ["shop-dev"], "environment": "never"},
]


@pytest.mark.parametrize(
    ("namespace", "environment"),
    [
        ("shop", "prod"),
        ("shop-1", "prod"),
        ("shop-dev", "prod"),
        ("x-dev", "dev"),
        ("ab", "dev"),
        ("shopper", None),
        ("Shop", None),
        ("shop\n", None),
        ("", None),
    ],
)
def test_the_first_row_that_fits(namespace: str, environment: str | None) -> None:
    assert parse(ROWS, "here", "kubernetes.environments").of(namespace) == environment


def test_no_namespace_is_in_no_environment() -> None:
    everything = parse([{"namespaces": ["*"], "environment": "prod"}], "here", "x")
    assert (everything.of("any"), everything.of("")) == ("prod", None)


@pytest.mark.parametrize(
    "item",
    [
        "shop",
        {"namespaces": ["a"], "environment": "prod", "labels": {}},
        {"environment": "prod"},
        {"namespaces": [], "environment": "prod"},
        {"namespaces": "a", "environment": "prod"},
        {"namespaces": [1], "environment": "prod"},
        {"namespaces": ["A"], "environment": "prod"},
        {"namespaces": ["a?"], "environment": "prod"},
        {"namespaces": ["a"]},
        {"namespaces": ["a"], "environment": "Prod"},
        {"namespaces": ["a"], "environment": "a/b"},
        {"namespaces": ["a"], "environment": "prod", "cluster": ""},
        {"namespaces": ["a"], "environment": "prod", "cluster": 1},
    ],
)
def test_wrong_rows_are_refused(item: Any) -> None:
    with pytest.raises(ConfigurationError) as caught:
        parse([item], "here", "kubernetes.environments")
    assert caught.value.code == "kubernetes.environments"
    assert caught.value.where == "kubernetes.environments[0]"
