"""Produce requests have the bytes that aiokafka would send."""

from aiokafka.protocol.produce import ProduceRequest, ProduceRequest_v2, ProduceRequest_v7
from hypothesis import given
from hypothesis import strategies as st

from stream.onecopy import OneCopyRequest, OneCopyStruct

TOPICS = st.lists(
    st.tuples(
        st.text(max_size=5),
        st.lists(st.tuples(st.integers(0, 2**31 - 1), st.binary(max_size=20)), max_size=3),
    ),
    max_size=3,
)


@given(st.none() | st.text(max_size=5), TOPICS)
def test_the_bytes_are_the_same(
    transactional_id: str | None, topics: list[tuple[str, list[tuple[int, bytes]]]]
) -> None:
    """Of any topics, partitions and batches."""
    content = (transactional_id, -1, 5000, topics)
    ours = OneCopyRequest(*content).build(ProduceRequest_v7)
    assert isinstance(ours, OneCopyStruct)
    assert ours.encode() == ProduceRequest(*content).build(ProduceRequest_v7).encode()


def test_an_old_broker_gets_what_it_knows() -> None:
    """A version without transactional ids stays aiokafka's own."""
    made = OneCopyRequest(None, -1, 5000, []).build(ProduceRequest_v2)
    assert type(made) is ProduceRequest_v2
