"""An encrypted file opens with its key, under its name, whole and in order; each attack has its own message."""

import io
import os
from collections.abc import Callable

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from hypothesis import given, settings
from hypothesis import strategies as st

from audit_pipeline.cipher import CHUNK, HEADER, TAG, WrappingKey, seal, unseal
from audit_pipeline.errors import CiphertextError, EncryptedError

NAME, KEY = "snapshots/m/2026-07-01/abc.parquet", bytes(range(32))
SEALED_CHUNK = CHUNK + TAG


def sealed(data: bytes, *, name: str = NAME, key: bytes = KEY) -> bytes:
    target = io.BytesIO()
    seal(io.BytesIO(data), target, size=len(data), name=name, key=key)
    return target.getvalue()


def opened(data: bytes, *, name: str = NAME, key: bytes = KEY) -> bytes:
    return b"".join(unseal(io.BytesIO(data), name=name, key=key))


def fault(data: bytes, *, name: str = NAME) -> str:
    with pytest.raises(CiphertextError) as caught:
        opened(data, name=name)
    assert str(caught.value).startswith(f"{name} cannot be decrypted: ")
    return caught.value.fault


@pytest.fixture(scope="module")
def three() -> bytes:
    """A file of three chunks, the last of them short."""
    return sealed(os.urandom(2 * CHUNK + 5))


@pytest.mark.parametrize("size", [0, 1, CHUNK - 1, CHUNK, CHUNK + 1, 2 * CHUNK + 5])
def test_what_was_encrypted_comes_out_again(size: int) -> None:
    data = os.urandom(size)
    found = sealed(data)
    assert len(found) == HEADER.size + size + TAG * max(1, -(-size // CHUNK))
    assert opened(found) == data
    assert sealed(data) != found  # another prefix each time
    assert size < 16 or data[:16] not in found


def test_the_form_is_the_one_that_is_documented() -> None:
    """By hand: header of 24 bytes; nonce = prefix, number; header, last or not, number and name are authenticated."""
    data = os.urandom(CHUNK + 3)
    found = sealed(data)
    header, first, second = found[:24], found[24 : 24 + SEALED_CHUNK], found[24 + SEALED_CHUNK :]
    assert header[:16] == b"auditenc" + len(data).to_bytes(8)
    aead = AESGCM(KEY)
    begin = aead.decrypt(header[16:] + bytes(4), first, header + b"\0" + bytes(4) + NAME.encode())
    end = aead.decrypt(header[16:] + bytes([0, 0, 0, 1]), second, header + b"\1" + bytes([0, 0, 0, 1]) + NAME.encode())
    assert begin + end == data


def test_a_flipped_bit_is_found_wherever_it_is() -> None:
    found = sealed(b"forty bytes of a row that nobody changes")
    for at in range(len(found)):
        changed = bytearray(found)
        changed[at] ^= 1 << at % 8
        fault(bytes(changed))


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=200), st.data())
def test_nothing_but_the_file_itself_opens(data: bytes, draw: st.DataObject) -> None:
    found = sealed(data)
    other = draw.draw(st.one_of(st.binary(max_size=300), st.integers(0, len(found) - 1).map(lambda n: found[:n])))
    fault(other)


def cut_at(size: int) -> Callable[[bytes], bytes]:
    return lambda found: found[:size]


def swapped(found: bytes) -> bytes:
    at = HEADER.size
    first, second = found[at : at + SEALED_CHUNK], found[at + SEALED_CHUNK : at + 2 * SEALED_CHUNK]
    return found[:at] + second + first + found[at + 2 * SEALED_CHUNK :]


def dropped(found: bytes) -> bytes:
    return found[: HEADER.size] + found[HEADER.size + SEALED_CHUNK :]


def flipped_at(at: int) -> Callable[[bytes], bytes]:
    return lambda found: found[:at] + bytes([found[at] ^ 1]) + found[at + 1 :]


@pytest.mark.parametrize(
    ("attack", "expected"),
    [
        (flipped_at(0), "it does not begin as an encrypted file: its header was changed or cut off"),
        (cut_at(10), "it does not begin as an encrypted file: its header was changed or cut off"),
        (flipped_at(20), "its header or chunk 0 was changed"),
        (flipped_at(HEADER.size + 7), "its header or chunk 0 was changed"),
        (flipped_at(HEADER.size + SEALED_CHUNK + 9), "chunk 1 was changed"),
        (cut_at(HEADER.size + 2 * SEALED_CHUNK), "it was cut off in chunk 2 of 3"),
        (cut_at(HEADER.size + SEALED_CHUNK + 1), "it was cut off in chunk 1 of 3"),
        (cut_at(HEADER.size + 100), "it was cut off in chunk 0 of 3, or its header was changed"),
        (swapped, "chunk 1 stands at the place of chunk 0: they were reordered"),
        (dropped, "chunk 1 stands at the place of chunk 0: they were reordered"),
        (lambda found: found + b"x", "it has bytes after its end"),
    ],
)
def test_each_attack_has_its_message(three: bytes, attack: Callable[[bytes], bytes], expected: str) -> None:
    assert fault(attack(three)) == expected


def test_a_file_opens_under_its_own_name_only(three: bytes) -> None:
    assert fault(three, name="snapshots/m/2026-07-02/abc.parquet") == "its header or chunk 0 was changed"


def test_a_wrapped_key_opens_with_its_key_for_its_file() -> None:
    first, second = WrappingKey(bytes(32)), WrappingKey(bytes([1]) * 32)
    wrapped = first.wrap(KEY, NAME)
    assert first.unwrap(wrapped, NAME) == KEY
    assert KEY not in wrapped
    assert KEY.hex().encode() not in wrapped
    with pytest.raises(CiphertextError, match=f"its wrapped key is the one of {NAME}"):
        first.unwrap(wrapped, "inputs/other")
    with pytest.raises(CiphertextError, match="its wrapped key was changed"):  # and its name too
        first.unwrap(wrapped.replace(NAME.encode(), b"inputs/other"), "inputs/other")
    with pytest.raises(EncryptedError, match=f"with the key {first.key_id}, and the project's key is {second.key_id}"):
        second.unwrap(wrapped, NAME)


def test_a_wrapped_key_that_was_changed_anywhere_is_refused() -> None:
    key = WrappingKey(bytes(32))
    wrapped = key.wrap(KEY, NAME)
    begin = wrapped.index(b'"wrapped": "') + len(b'"wrapped": "')
    for at in range(begin, begin + 2 * (12 + 32 + 16)):
        changed = bytearray(wrapped)
        changed[at] = ord("0") if changed[at] != ord("0") else ord("1")
        with pytest.raises(CiphertextError, match="its wrapped key was changed"):
            key.unwrap(bytes(changed), NAME)
    for other in (b"", b"{}", b"[]", b"\xff", wrapped[:-20], wrapped.replace(b"1,", b"2,", 1)):
        with pytest.raises(CiphertextError, match="its wrapped key was changed: it has no form"):
            key.unwrap(other, NAME)


def test_what_is_cached_opens_under_its_name_and_key_only() -> None:
    key = WrappingKey(bytes(32))
    found = key.seal_cached("a", b"sorted values")
    assert key.open_cached("a", found) == b"sorted values"
    assert key.open_cached("b", found) is None
    assert key.open_cached("a", found[:-1]) is None
    assert key.open_cached("a", b"") is None
    assert WrappingKey(bytes([1]) * 32).open_cached("a", found) is None
