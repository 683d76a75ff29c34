"""The vocabulary that a snapshot makes of announced contents, and the columns it gives."""

import json
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.content import Content
from models.errors import CodecError
from models.features import FeatureMap

FILMS = [
    Content("Alien (1979)", ("Horror", "SciFi"), {"studio": "Fox", "minutes": 117}),
    Content("Aliens (1986)", ("Action", "SciFi"), {"studio": "Fox", "minutes": 137, "tags": ["a"]}),
    Content("Alien Resurrection (1997)", ("SciFi",), {"minutes": 109, "tags": ["a", "b", 3]}),
    Content("Alien of the North", ("Drama",), {"color": True, "tags": ["b", 3]}),
    None,
]


def row(features, content):
    """One content's cells by column."""
    sparse = features.transform([content])
    assert sparse.start.tolist() == [0, len(sparse.feature)]
    return dict(zip(sparse.feature.tolist(), sparse.weight.tolist(), strict=True))


def value(features, content, key):
    """The weight in the column of one value."""
    column = features.size - len(features.values) + features.values.index("\x1f".join(key))
    return row(features, content).get(column, 0.0)


def test_categories_attributes_and_words_are_columns():
    """Values that several items share count 1, words of titles one half."""
    features = FeatureMap.learn(FILMS)
    assert value(features, FILMS[0], ("category", "SciFi")) == 1
    assert value(features, FILMS[3], ("category", "SciFi")) == 0
    assert value(features, FILMS[1], ("attribute", "studio", "Fox")) == 1
    assert value(features, FILMS[3], ("attribute", "tags", "b")) == 1
    assert value(features, FILMS[3], ("attribute", "tags", "3")) == 1
    assert value(features, FILMS[2], ("word", "alien")) == 0.5
    for once in ("attribute\x1fcolor\x1fTrue", "word\x1faliens", "word\x1fthe"):
        assert once not in features.values


def test_numbers_are_standardised_and_placed_among_knots():
    """Two knots share a weight of 1; a value between the learned ones lies between their knots."""
    contents = [Content(attributes={"price": float(price)}) for price in range(12)]
    features = FeatureMap.learn(contents)
    assert features.size == 1 + 12
    assert row(features, contents[0])[0] == pytest.approx(-5.5 / np.std(np.arange(12)))
    between = row(features, Content(attributes={"price": 3.25}))
    assert between[4] == pytest.approx(0.75)
    assert between[5] == pytest.approx(0.25)
    far = row(features, Content(attributes={"price": 1e300}))
    assert far == {0: 3.0, 11: 0.0, 12: 1.0}


def test_a_year_in_a_title_is_a_number():
    """The last one counts; a title without a year has none."""
    features = FeatureMap.learn(FILMS)
    assert "title year" in dict(features.numbers)
    same = Content("Blade Runner 2049 (1979)"), Content("(1979)")
    assert row(features, same[0]) == row(features, same[1]) != {}
    assert row(features, Content("Untitled 12345")) == {}


def test_embeddings_are_scaled_to_length_one():
    """Those of another length than most have, or without a direction, are left out."""
    contents = [
        Content(embedding=(3.0, 4.0)),
        Content(embedding=(0.0, 2.0)),
        Content(embedding=(1,)),
    ]
    features = FeatureMap.learn(contents)
    assert features.embedding == features.size == 2
    assert row(features, contents[0]) == pytest.approx({0: 0.6, 1: 0.8})
    for bad in ((1.0,), (0.0, 0.0), (math.nan, 1.0), (math.inf, 1.0), ()):
        assert row(features, Content(embedding=bad)) == {}
    assert row(features, Content(embedding=(1e308, 1e308))) == pytest.approx(
        {0: 0.5**0.5, 1: 0.5**0.5}
    )


def test_what_is_no_finite_number_adds_nothing():
    """Neither in learning nor in use; integers beyond floats are cut."""
    odd = [math.nan, math.inf, -math.inf, None, {"a": 1}, 10**400]
    contents = [Content(attributes={"x": x}) for x in (*odd, 1, 2, 3)]
    features = FeatureMap.learn(contents)
    for content in contents[:5]:
        assert row(features, content) == {}
    assert all(math.isfinite(x) for content in contents for x in row(features, content).values())


def test_without_content_there_are_no_columns():
    """A map of nothing is a map."""
    features = FeatureMap.learn([None, Content(), Content("x", attributes={"always": 1})])
    assert features.size == 0
    assert features.transform([None, FILMS[0]]).start.tolist() == [0, 0, 0]
    assert FeatureMap.from_json(features.to_json()) == features


def test_the_frequent_are_kept_where_room_is_short():
    """The cap holds for all columns together."""
    features = FeatureMap.learn(FILMS, most=2)
    assert features.size == 2
    assert features.values == ("category\x1fSciFi", "word\x1falien")
    assert FeatureMap.learn([Content(embedding=(1.0,) * 9)], most=8).size == 0


SCALARS = st.one_of(st.text(max_size=3), st.booleans(), st.integers(), st.floats(), st.none())
CONTENTS = st.lists(
    st.none()
    | st.builds(
        Content,
        title=st.none() | st.text(max_size=12) | st.sampled_from(["Alien (1979)", "Alien 2 1986"]),
        categories=st.lists(st.text(max_size=2), max_size=3).map(tuple),
        attributes=st.dictionaries(
            st.text(max_size=2), SCALARS | st.lists(SCALARS, max_size=3), max_size=3
        ),
        embedding=st.lists(st.floats(), max_size=2).map(tuple),
    ),
    max_size=8,
)


@given(CONTENTS, st.integers(0, 40))
def test_any_content_gives_finite_cells_of_known_columns(contents, most):
    """Each column at most once a row; the map survives its text."""
    features = FeatureMap.learn(contents, most)
    assert features.size <= most
    assert FeatureMap.from_json(features.to_json()) == features
    sparse = features.transform(contents)
    assert np.isfinite(sparse.weight).all()
    for first, last in zip(sparse.start[:-1], sparse.start[1:], strict=True):
        cells = sparse.feature[first:last].tolist()
        assert cells == sorted(set(cells))
        assert all(0 <= cell < features.size for cell in cells)


GOOD = json.loads(FeatureMap.learn(FILMS).to_json())


@pytest.mark.parametrize(
    "broken",
    [
        "",
        "[]",
        "{}",
        json.dumps(GOOD | {"format": 2}),
        json.dumps(GOOD | {"embedding": -1}),
        json.dumps(GOOD | {"values": ["a", "a"]}),
        json.dumps(GOOD | {"values": [1]}),
        json.dumps(GOOD | {"numbers": [["x", 0, 1, [2, 1]]]}),
        json.dumps(GOOD | {"numbers": [["x", 0, 0, [1, 2]]]}),
        json.dumps(GOOD | {"numbers": [["x", "a", 1, [1, 2]]]}),
        json.dumps(GOOD | {"numbers": [["x", 0, 1, [1, 2]]] * 2}),
    ],
)
def test_text_that_is_no_map_is_refused(broken):
    """Each with a sentence."""
    with pytest.raises(CodecError, match="features need a map of format 1"):
        FeatureMap.from_json(broken)
