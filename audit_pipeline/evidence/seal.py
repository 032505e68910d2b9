"""One root per publication: the log's tree brought up to date, and its root signed over what goes on from the last one.

Nothing is signed over a log that is not the one signed before, nor over a line that no known writer wrote.
"""

from collections.abc import Sequence
from datetime import UTC, datetime

from audit_pipeline.durable import storing
from audit_pipeline.evidence.log import Log
from audit_pipeline.evidence.merkle import EMPTY, leaf_hash
from audit_pipeline.evidence.roots import Root, SignedRoot
from audit_pipeline.evidence.settle import require
from audit_pipeline.evidence.sign import SigningKey
from audit_pipeline.evidence.tree import Tree, tree_in


def seal(log: Log) -> Root | None:
    """Sign a root over all entries; the last root when nothing came since, None when the log is empty.

    Raises:
        EvidenceError: the log does not go on where it was signed last, or the disk is full or refuses.
    """
    if log.lines.count() == 0:
        return None
    with log.writing(thorough=True):
        return _sign(log, [log.key] if log.key else [])


def rotate(log: Log, new: SigningKey, *, run: str) -> Root:
    """Hand the log over to another key: an entry that names it, and a root that both keys sign.

    From then on roots and entries are the new key's, and the old one is expired. A call that died before it had signed
    is made again: what it wrote is set aside. With `log.key` None, the new key alone signs: a log that had no key is
    signed from then on; of one whose key is lost, `verify` says that nobody handed it over.

    Raises:
        EvidenceError: as `seal`.
    """
    with log.writing(thorough=True, successor=new) if log.key else log.alone():
        with storing(log.tree.name), tree_in(log.tree) as tree:
            _bring_up(tree, log)
            count, before = tree.size, tree.root(tree.size)
        log.introduce(count, new, before, run=run)
        return _sign(log, [key for key in (log.key, new) if key])


def _sign(log: Log, keys: Sequence[SigningKey]) -> Root:
    """Sign a root over all entries; the last of `keys` is the log's from then on."""
    with storing(log.tree.name), tree_in(log.tree) as tree:
        last = _bring_up(tree, log)
        size, root, first = tree.size, tree.root(tree.size).hex(), tree.node(0, 0).hex()
    if last is not None and last.root.size == size and all(key.key_id in last.by for key in keys):
        return last.root
    now = datetime.now(UTC).isoformat(timespec="microseconds")
    made = Root(first, size, root, now, keys[-1].key_id if keys else "")
    log.roots.append(made, keys)
    return made


def _bring_up(tree: Tree, log: Log) -> SignedRoot | None:
    """Make the tree that of the log's lines, and see that it goes on from the last root; return that."""
    last = log.roots.last()
    size, signed = (last.root.size, last.root.root) if last else (0, EMPTY.hex())
    kept = size if tree.size >= size and tree.root(size).hex() == signed else 0
    tree.cut(kept)
    tree.add(map(leaf_hash, log.lines.read(kept)))
    whole = tree.size >= size and tree.root(size).hex() == signed
    require(whole, f"its first {size} entries do not give the root that stands in log/roots.jsonl")
    return last
