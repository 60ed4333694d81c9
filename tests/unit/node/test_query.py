# SPDX-License-Identifier: Apache-2.0
"""Label queries and patterns: every operator, both ways round, and what is refused."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.api import resource_pb2
from edge.errors import ConfigError
from edge.node.api.query import labels_match, read_query, term_matches
from edge.node.resource.resource import Resource

Term = resource_pb2.LabelTerm
NOW = datetime(2026, 1, 1, tzinfo=UTC)


def resource(name: str, **labels: str) -> Resource:
    """Return a resource with labels."""
    return Resource(
        type="t",
        namespace="n",
        id=name,
        spec={},
        version=1,
        owner="",
        created=NOW,
        updated=NOW,
        labels=labels,
    )


@pytest.mark.parametrize(
    ("operation", "value", "given_", "expected"),
    [
        (Term.EXISTS, "x", [], True),
        (Term.EXISTS, None, [], False),
        (Term.NOT_EXISTS, "x", [], False),
        (Term.NOT_EXISTS, None, [], True),
        (Term.EQUAL, "x", ["x"], True),
        (Term.EQUAL, "x", ["y"], False),
        (Term.EQUAL, "x", [], False),
        (Term.EQUAL, None, ["x"], False),
        (Term.IN, "x", ["y", "x"], True),
        (Term.IN, "x", ["y"], False),
        (Term.IN, None, ["x"], False),
        (Term.LT, "a", ["b"], True),
        (Term.LT, "b", ["b"], False),
        (Term.LTE, "b", ["b"], True),
        (Term.LTE, "c", ["b"], False),
        (Term.LT_NUMERIC, "9", ["10"], True),
        (Term.LT, "9", ["10"], False),
        (Term.LT_NUMERIC, "1Gi", ["1100M"], True),
        (Term.LTE_NUMERIC, "1k", ["1000"], True),
        (Term.LTE_NUMERIC, "1ki", ["1000"], False),
    ],
)
def test_operators_and_their_inverse(
    operation: resource_pb2.LabelTerm.Operation,
    value: str | None,
    given_: list[str],
    expected: bool,
) -> None:
    """Inverting turns the answer round."""
    term = Term(key="k", op=operation, value=given_)
    assert term_matches(value, term) is expected
    term.invert = True
    assert term_matches(value, term) is not expected


@pytest.mark.parametrize(
    ("operation", "value", "given_"),
    [
        (Term.LT, None, "a"),
        (Term.LTE, None, "a"),
        (Term.LT_NUMERIC, None, "1"),
        (Term.LTE_NUMERIC, "many", "1"),
        (Term.LT_NUMERIC, "1", "1x"),
    ],
)
def test_what_cannot_be_compared_fits_neither_way(
    operation: resource_pb2.LabelTerm.Operation, value: str | None, given_: str
) -> None:
    """As upstream has it."""
    for invert in (False, True):
        term = Term(key="k", op=operation, value=[given_], invert=invert)
        assert not term_matches(value, term)


def test_one_of_the_queries_and_all_of_its_terms() -> None:
    """Queries are alternatives, terms are conditions."""
    both = resource_pb2.LabelQuery(
        terms=[Term(key="a", op=Term.EXISTS), Term(key="b", op=Term.EQUAL, value=["1"])]
    )
    other = resource_pb2.LabelQuery(terms=[Term(key="c", op=Term.EXISTS)])
    assert labels_match({}, [])
    assert labels_match({"a": "", "b": "1"}, [both])
    assert not labels_match({"a": ""}, [both])
    assert labels_match({"c": ""}, [both, other])


def test_ids_fit_a_pattern_of_go() -> None:
    """The pattern may be anywhere in the id, and use classes that Python lacks."""
    options = resource_pb2.ListOptions(id_query=resource_pb2.IDQuery(regexp=r"^eth[[:digit:]]+\z"))
    is_wanted = read_query(options)
    assert is_wanted(resource("eth10"))
    assert not is_wanted(resource("eth10a"))


@pytest.mark.parametrize("pattern", ["(", "a**", "(?=a)", "a{1001}", "(((a{100}){100}){100})"])
def test_bad_patterns_are_refused(pattern: str) -> None:
    """What Go's patterns have not, and what would take much memory."""
    with pytest.raises(ConfigError, match="pattern"):
        read_query(resource_pb2.ListOptions(id_query=resource_pb2.IDQuery(regexp=pattern)))


@pytest.mark.timeout(120)
@pytest.mark.parametrize("pattern", [r"(.|\w)" * 30 + "!", "(a|a)*" * 20 + "b", "(x+x+)+y"])
def test_no_pattern_takes_long(pattern: str) -> None:
    """Python's own would take hours, and a node has one thread for everybody."""
    query = resource_pb2.ListOptions(id_query=resource_pb2.IDQuery(regexp=pattern))
    assert not read_query(query)(resource("a" * 60 + "x" * 60))


@given(st.integers(0, 2**70), st.integers(0, 2**70))
def test_numbers_compare_as_numbers(left: int, right: int) -> None:
    """However large."""
    term = Term(key="k", op=Term.LT_NUMERIC, value=[str(right)])
    assert term_matches(str(left), term) is (left < right)
