"""One thread for each of torch's operations while something runs."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch


@contextmanager
def one_thread() -> Iterator[None]:
    """Use one thread: sums do not depend on the machine's cores, and its products are small.

    Beside other busy processes two threads took 50 times as long as one: they wait for each other.
    """
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)
