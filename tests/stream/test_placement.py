"""Placement agrees with Kafka's own clients."""

from hypothesis import given
from hypothesis import strategies as st

from stream.placement import Placement, partition_of

# org.apache.kafka.common.utils.UtilsTest.testMurmur2: keys and their 32-bit hashes.
JAVA_HASHES = {
    b"21": -973932308,
    b"foobar": -790332482,
    b"a-little-bit-long-string": -985981536,
    b"a-little-bit-longer-string": -1486304829,
    b"lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8": -58897971,
    b"abc": 479470107,
}


def test_keys_lie_where_java_s_client_puts_them() -> None:
    """The positive part of murmur2, modulo the number of partitions."""
    for key, hashed in JAVA_HASHES.items():
        assert partition_of(key, 7) == (hashed & 0x7FFFFFFF) % 7


@given(st.lists(st.binary(min_size=1, max_size=300)), st.integers(1, 64))
def test_many_at_once_equal_one_by_one(keys: list[bytes], n: int) -> None:
    """The remembered hashes change nothing."""
    placement = Placement(n)
    expected = [partition_of(key, n) for key in keys]
    assert placement.partitions_of(keys) == expected
    assert placement.partitions_of(keys) == expected
