"""The tree and its proofs, against the recursive definitions of RFC 6962; every mutated proof is refused."""

import hashlib
import io
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from audit_pipeline.evidence.merkle import (
    Peaks,
    consistency_proof,
    inclusion_proof,
    is_consistent,
    is_included,
    leaf_hash,
)
from audit_pipeline.evidence.tree import Tree, tree_in, tree_of

SIZES = [*range(1, 34), 63, 64, 65, 100, 127, 255, 257]
ENTRIES = [f"entry {i}".encode() for i in range(300)]
LEAVES = [leaf_hash(entry) for entry in ENTRIES]
TREE = tree_of(LEAVES)


def mth(d: list[bytes]) -> bytes:
    """Return the root of `d` as RFC 6962, section 2.1, defines it."""
    if not d:
        return hashlib.sha256(b"").digest()
    if len(d) == 1:
        return hashlib.sha256(b"\x00" + d[0]).digest()
    k = split(len(d))
    return hashlib.sha256(b"\x01" + mth(d[:k]) + mth(d[k:])).digest()


def path(m: int, d: list[bytes]) -> list[bytes]:
    """Return the audit path as section 2.1.1 defines it."""
    if len(d) == 1:
        return []
    k = split(len(d))
    return [*path(m, d[:k]), mth(d[k:])] if m < k else [*path(m - k, d[k:]), mth(d[:k])]


def subproof(m: int, d: list[bytes], whole: bool) -> list[bytes]:
    """Return the consistency proof as section 2.1.2 defines it."""
    if m == len(d):
        return [] if whole else [mth(d)]
    k = split(len(d))
    return [*subproof(m, d[:k], whole), mth(d[k:])] if m <= k else [*subproof(m - k, d[k:], False), mth(d[:k])]


def split(n: int) -> int:
    k = 1
    while k * 2 < n:
        k *= 2
    return k


def test_three_entries_by_hand() -> None:
    # root = H(01 || H(01 || a || b) || c); the third is alone on its level and moves up unchanged
    a, b, c = (hashlib.sha256(b"\x00" + x).digest() for x in (b"a", b"b", b"c"))
    left = hashlib.sha256(b"\x01" + a + b).digest()
    root = hashlib.sha256(b"\x01" + left + c).digest()
    tree = tree_of([a, b, c])
    assert tree.root(3) == root
    assert inclusion_proof(tree.node, 0, 3) == [b, c]
    assert inclusion_proof(tree.node, 2, 3) == [left]
    assert consistency_proof(tree.node, 2, 3) == [c]
    assert consistency_proof(tree.node, 1, 3) == [b, c]
    # an odd last node that was doubled would give two logs the same root
    assert tree_of([a, b, c, c]).root(4) != root


def test_root_of_no_entries_is_the_hash_of_nothing() -> None:
    assert tree_of([]).root(0).hex() == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"


@pytest.mark.parametrize("size", SIZES)
def test_roots_and_proofs_are_those_of_the_definition(size: int) -> None:
    entries, peaks = ENTRIES[:size], Peaks()
    for leaf in LEAVES[:size]:
        peaks.add(leaf)
    root = mth(entries)
    assert TREE.root(size) == peaks.root() == root
    for index in {0, 1, size // 3, size // 2, size - 2, size - 1} & set(range(size)):
        proof = inclusion_proof(TREE.node, index, size)
        assert proof == path(index, entries)
        assert is_included(LEAVES[index], index=index, size=size, path=proof, root=root)
    for old in {1, 2, size // 3, size // 2, size - 1, size} & set(range(1, size + 1)):
        proof = consistency_proof(TREE.node, old, size)
        assert proof == subproof(old, entries, True)
        assert is_consistent(old=old, old_root=mth(entries[:old]), size=size, root=root, path=proof)


@settings(max_examples=50, deadline=None)
@given(st.data())
def test_a_mutated_inclusion_proof_is_refused(data: st.DataObject) -> None:
    size = data.draw(st.integers(1, 300))
    index = data.draw(st.integers(0, size - 1))
    leaf, place, proof, root = LEAVES[index], index, inclusion_proof(TREE.node, index, size), TREE.root(size)
    what = data.draw(st.sampled_from(["leaf", "index", "root", "drop", "more", "flip", "swap"]))
    assert is_included(leaf, index=place, size=size, path=proof, root=root)
    match what:
        case "leaf":
            leaf = leaf_hash(b"another")
        case "index":
            place = data.draw(st.integers(-2, size + 2).filter(lambda i: i != index))
        case "root":
            root = hashlib.sha256(root).digest()
        case "drop" if proof:
            proof.pop(data.draw(st.integers(0, len(proof) - 1)))
        case "flip" if proof:
            at = data.draw(st.integers(0, len(proof) - 1))
            proof[at] = bytes([proof[at][0] ^ 1]) + proof[at][1:]
        case "swap" if len(proof) > 1:
            proof = [*proof[1:], proof[0]]
        case _:
            proof.append(root)
    assert not is_included(leaf, index=place, size=size, path=proof, root=root)


@settings(max_examples=50, deadline=None)
@given(st.data())
def test_a_mutated_consistency_proof_is_refused(data: st.DataObject) -> None:
    size = data.draw(st.integers(1, 300))
    old = data.draw(st.integers(1, size))
    before, after, proof = TREE.root(old), TREE.root(size), consistency_proof(TREE.node, old, size)
    assert is_consistent(old=old, old_root=before, size=size, root=after, path=proof)
    match data.draw(st.sampled_from(["old", "new", "drop", "more", "flip"])):
        case "old":
            before = hashlib.sha256(before).digest()
        case "new":
            after = hashlib.sha256(after).digest()
        case "drop" if proof:
            proof.pop(data.draw(st.integers(0, len(proof) - 1)))
        case "flip" if proof:
            at = data.draw(st.integers(0, len(proof) - 1))
            proof[at] = bytes([proof[at][0] ^ 1]) + proof[at][1:]
        case _:
            proof.append(after)
    assert not is_consistent(old=old, old_root=before, size=size, root=after, path=proof)


@given(st.integers(1, 40), st.integers(0, 39), st.integers(1, 40))
def test_no_proof_makes_another_log_consistent(old: int, changed: int, more: int) -> None:
    """Rewriting any entry of the past gives a root that the honest proof does not lead to."""
    size = old + more
    rewritten = [leaf_hash(b"rewritten") if i == changed % old else leaf for i, leaf in enumerate(LEAVES[:size])]
    other = tree_of(rewritten)
    for proof in (consistency_proof(TREE.node, old, size), consistency_proof(other.node, old, size)):
        found = is_consistent(old=old, old_root=TREE.root(old), size=size, root=other.root(size), path=proof)
        assert not found


@pytest.mark.parametrize(("index", "size"), [(-1, 3), (3, 3), (0, 0)])
def test_there_is_no_proof_of_an_entry_that_is_not_there(index: int, size: int) -> None:
    with pytest.raises(ValueError, match="is not among"):
        inclusion_proof(TREE.node, index, size)
    assert not is_included(LEAVES[0], index=index, size=size, path=[], root=LEAVES[0])


@pytest.mark.parametrize("old", [0, 4])
def test_there_is_no_consistency_with_no_or_a_larger_log(old: int) -> None:
    with pytest.raises(ValueError, match="is no beginning"):
        consistency_proof(TREE.node, old, 3)
    assert not is_consistent(old=old, old_root=LEAVES[0], size=3, root=LEAVES[0], path=[LEAVES[0]])


@settings(max_examples=40, deadline=None)
@given(st.lists(st.integers(0, 9), max_size=6), st.integers(0, 40))
def test_a_tree_that_grew_in_steps_and_was_cut_is_the_one_made_at_once(steps: list[int], cut: int) -> None:
    file = io.BytesIO()
    size = 0
    for step in steps:
        tree = Tree(file)
        tree.add(LEAVES[size : size + step])
        size += step
    cut = min(cut, size)
    Tree(file).cut(cut)
    whole = io.BytesIO()
    Tree(whole).add(LEAVES[:cut])
    assert Tree(file).size == cut
    assert file.getvalue() == whole.getvalue()
    assert all(Tree(file).root(n) == mth(ENTRIES[:n]) for n in range(cut + 1))


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 60), st.integers(0, 31), st.integers(0, 9))
def test_a_file_that_ends_in_the_middle_counts_whole_leaves_and_goes_on(size: int, odd: int, lost: int) -> None:
    """Its writer died: whatever it left of the last leaves, what is appended next stands where it belongs."""
    file = io.BytesIO()
    Tree(file).add(LEAVES[:size])
    file.truncate(max(0, len(file.getvalue()) - 32 * lost - odd))
    tree = Tree(file)
    assert tree.size <= size
    tree.add(LEAVES[tree.size : 70])
    assert file.getvalue()[: 32 * 70] == _bytes(70)[: 32 * 70]
    assert tree.root(70) == mth(ENTRIES[:70])


def _bytes(size: int) -> bytes:
    file = io.BytesIO()
    Tree(file).add(LEAVES[:size])
    return file.getvalue()


def test_a_tree_in_a_file_is_there_the_next_time(tmp_path: Path) -> None:
    for size in (5, 12):
        with tree_in(tmp_path / "log" / "tree") as tree:
            tree.add(LEAVES[tree.size : size])
    with tree_in(tmp_path / "log" / "tree") as tree:
        assert (tree.size, tree.root(12)) == (12, mth(ENTRIES[:12]))
