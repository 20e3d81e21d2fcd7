"""Output of any size in little memory."""

from hypothesis import given
from hypothesis import strategies as st

from beth_kit.sandbox.buffer import HeadAndTail


@given(st.lists(st.binary(max_size=50)), st.integers(0, 120))
def test_the_beginning_and_the_end_are_kept_and_the_rest_is_counted(chunks: list[bytes], limit: int) -> None:
    buffer = HeadAndTail(limit)
    for chunk in chunks:
        buffer.write(chunk)
    everything = b"".join(chunks)
    if len(everything) <= limit:
        assert buffer.value() == everything
    else:
        end = limit - limit // 2
        note = f"\n[… {len(everything) - limit:,} bytes left out …]\n".encode()
        assert buffer.value() == everything[: limit // 2] + note + everything[len(everything) - end :]
    assert buffer.size == len(everything)
