"""Files of a store, encrypted or not, are written once and read through one door; what cannot be read says why."""

import hashlib
import os
import shutil
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from audit_pipeline import in_memory
from audit_pipeline.cipher import WrappingKey
from audit_pipeline.config.project import Limits
from audit_pipeline.durable import file_sha256
from audit_pipeline.errors import CiphertextError, EncryptedError, EvidenceError, KeyMissingError, MemoryRoomError
from audit_pipeline.vault import Vault
from audit_pipeline_tests.hardship import dies_at, quick_folder, small_disk

KEY, OTHER = "c5" * 32, "d6" * 32
ROW = b"a row of a person " * 50


@pytest.fixture
def root() -> Iterator[Path]:
    with quick_folder() as folder:
        (folder / "key").write_text(KEY)
        yield folder


def vault_in(root: Path, *, key: bool = True, limits: Limits | None = None) -> Vault:
    return Vault(root / "audit", reference="file:key" if key else None, limits=limits)


def name_of(data: bytes) -> str:
    return f"inputs/{hashlib.sha256(data).hexdigest()}"


def put(vault: Vault, data: bytes = ROW) -> str:
    name = name_of(data)
    vault.put(name, data, name.removeprefix("inputs/"))
    return name


def replace(vault: Vault, name: str, file: Path) -> None:
    """Let a file take the place of another, as an erasure does."""
    staged = vault.root / ".work" / "staged"
    vault.stage(name, file, staged)
    vault.take_place(name, staged)


def test_what_is_put_is_encrypted_and_read_back_inside_a_session(root: Path) -> None:
    vault = vault_in(root)
    name = put(vault)
    assert sorted(p.suffix for p in (root / "audit/inputs").iterdir()) == [".enc", ".key"]
    assert not any(ROW[:18] in p.read_bytes() for p in (root / "audit").rglob("*") if p.is_file())
    with vault.session():
        copy = vault.plain(name)
        assert copy.read_bytes() == ROW
        assert not copy.is_relative_to(root)
        assert vault.plain(name) == copy
    assert not copy.exists()
    assert vault.sha256(name) == name.removeprefix("inputs/")
    assert vault.ciphertext(name) == file_sha256(vault.where(name))


def test_what_stands_there_is_not_written_again(root: Path) -> None:
    vault = vault_in(root)
    before = vault.where(put(vault)).read_bytes()
    assert vault.where(put(vault)).read_bytes() == before


def test_a_store_of_both_kinds_is_read_as_it_is(root: Path) -> None:
    clear, vault = vault_in(root, key=False), vault_in(root)
    old = put(clear, b"from before")
    new = put(vault, b"from after")
    put(vault, b"from before")
    assert [vault.is_encrypted(name) for name in (old, new)] == [False, True]
    with vault.session():
        assert [vault.plain(name).read_bytes() for name in (old, new)] == [b"from before", b"from after"]
    assert clear.plain(old).read_bytes() == b"from before"
    with pytest.raises(EncryptedError, match=f"{new} is encrypted and project.yaml names no `keys.encryption`"):
        clear.plain(new)


def test_without_the_right_key_nothing_is_read_and_the_error_names_key_and_file(root: Path) -> None:
    name = put(vault_in(root))
    (root / "key").write_text(OTHER)
    known = [WrappingKey(bytes.fromhex(key)).key_id for key in (KEY, OTHER)]
    vault = vault_in(root)
    expected = f"{name} is encrypted with the key {known[0]}, and the project's key is {known[1]}"
    with vault.session(), pytest.raises(EncryptedError, match=expected):
        vault.plain(name)
    (root / "key").unlink()
    with pytest.raises(KeyMissingError, match="The encryption key is not at 'file:key'"):
        vault_in(root).sha256(name)


def test_what_was_changed_leaves_no_copy_that_could_be_taken_for_it(root: Path) -> None:
    vault = vault_in(root)
    name = put(vault)
    sealed = vault.where(name)
    sealed.write_bytes(sealed.read_bytes()[:-1] + b"x")
    with vault.session():
        for _ in range(2):
            with pytest.raises(CiphertextError, match="its header or chunk 0 was changed"):
                vault.plain(name)
    with pytest.raises(CiphertextError):
        put(vault)


def test_a_file_and_its_key_under_the_name_of_another_are_refused(root: Path) -> None:
    vault = vault_in(root)
    names = [put(vault, data) for data in (b"one", b"two")]
    for suffix in (".enc", ".key"):
        first, second = (root / "audit" / f"{name}{suffix}" for name in names)
        kept = first.read_bytes()
        first.write_bytes(second.read_bytes())
        second.write_bytes(kept)
        with pytest.raises(CiphertextError):
            vault.sha256(names[0])
    with pytest.raises(CiphertextError, match=f"its wrapped key is the one of {names[1]}"):
        vault.sha256(names[0])
    (root / "audit" / f"{names[0]}.key").unlink()
    with pytest.raises(CiphertextError, match=r"its wrapped key .* is missing"):
        vault.ciphertext(names[0])


def test_other_bytes_of_somebody_who_has_the_key_are_not_what_the_name_says(root: Path) -> None:
    vault = vault_in(root)
    name = put(vault)
    vault.where(name).unlink()
    vault.put(name, b"other", hashlib.sha256(b"other").hexdigest())
    with pytest.raises(EvidenceError, match="its sha256 is not its name"):
        put(vault)


def test_more_than_the_limit_is_refused_and_the_key_to_raise_named(root: Path) -> None:
    vault = vault_in(root, limits=Limits(decrypted="1MB"))
    small, large = put(vault, os.urandom(600_000)), put(vault, os.urandom(500_000))
    with vault.session():
        vault.plain(small)
        with pytest.raises(MemoryRoomError, match=r"1 MB would stand .*1MB may\. Raise `limits\.decrypted`"):
            vault.plain(large)
    with vault.session():
        vault.plain(large)


def test_what_spills_and_scratch_files_of_packages_are_in_memory_while_a_session_is_open(root: Path) -> None:
    vault = vault_in(root, limits=Limits(tmpfs=str(root)))

    def spills_to() -> Path:
        with in_memory.connect(threads=1, memory="64MB") as connection:
            return Path(connection.execute("select current_setting('temp_directory')").fetchall()[0][0])

    before = (spills_to(), Path(tempfile.gettempdir()))
    with vault.session():
        assert all(path.is_relative_to(root) for path in (spills_to(), Path(tempfile.gettempdir())))
    assert (spills_to(), Path(tempfile.gettempdir())) == before
    assert not any(path.is_relative_to(root) for path in before)


def test_a_tmpfs_that_is_full_is_called_so() -> None:
    with small_disk(500) as disk, quick_folder() as root:
        (root / "key").write_text(KEY)
        vault = vault_in(root, limits=Limits(tmpfs=str(disk)))
        name = put(vault, os.urandom(600_000))
        with vault.session(), pytest.raises(MemoryRoomError, match=f"The tmpfs '{disk}' is full"):
            vault.plain(name)
        with pytest.raises(MemoryRoomError, match="is full"), vault.workspace() as work:
            (work / "staged").write_bytes(os.urandom(600_000))


def test_what_is_made_in_the_workspace_is_kept_and_its_copy_stays_for_the_session(root: Path) -> None:
    vault = vault_in(root)
    with vault.session():
        with vault.workspace() as work:
            assert not work.is_relative_to(root)
            (work / "made").write_bytes(ROW)
            vault.keep(name_of(ROW), work / "made", hashlib.sha256(ROW).hexdigest())
        vault.where(name_of(ROW)).rename(root / "away")
        (root / "audit" / f"{name_of(ROW)}.enc").write_bytes(b"")  # so that it cannot be decrypted again
        assert vault.plain(name_of(ROW)).read_bytes() == ROW
    assert not list((root / "audit" / ".work").iterdir())


def test_what_is_replaced_keeps_its_form_its_key_and_its_name(root: Path) -> None:
    vault, less = vault_in(root), root / "less"
    less.write_bytes(b"fewer rows")
    name, clear = put(vault), put(vault_in(root, key=False), b"in clear")
    key = (root / "audit" / f"{name}.key").read_bytes()
    with vault.session():
        assert vault.plain(name).read_bytes() == ROW
        for path in (name, clear):
            replace(vault, path, less)
            assert vault.plain(path).read_bytes() == b"fewer rows"
    assert [vault.is_encrypted(path) for path in (name, clear)] == [True, False]
    assert (root / "audit" / f"{name}.key").read_bytes() == key
    assert not list((root / "audit" / ".work").iterdir())


@pytest.mark.parametrize("work", ["put", "replace"])
def test_a_process_killed_while_it_writes_leaves_the_old_file_or_the_new_one(work: str) -> None:
    with quick_folder() as root:
        (root / "key").write_text(KEY)
        (root / "new").write_bytes(b"new")
        step = 0
        while True:
            shutil.rmtree(root / "audit", ignore_errors=True)
            vault = vault_in(root)
            if work == "replace":
                put(vault)
            name = name_of(ROW)
            do = (lambda v=vault: put(v)) if work == "put" else (lambda v=vault, n=name: replace(v, n, root / "new"))
            killed = dies_at(step, root / "audit", do)
            if vault.where(name).exists():
                assert vault.sha256(name) in (name[7:], hashlib.sha256(b"new").hexdigest())
            else:
                assert work == "put"
            put(vault_in(root)) if work == "put" else replace(vault, name, root / "new")
            assert vault.sha256(name) == hashlib.sha256(ROW if work == "put" else b"new").hexdigest()
            if not killed:
                break
            step += 1
        assert step >= 5


def test_two_who_write_the_same_file_leave_one_that_opens(root: Path) -> None:
    start = threading.Barrier(8)

    def write() -> None:
        own = vault_in(root)
        start.wait()
        put(own)

    for _ in range(10):
        threads = [threading.Thread(target=write) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert vault_in(root).sha256(name_of(ROW)) == hashlib.sha256(ROW).hexdigest()
        shutil.rmtree(root / "audit" / "inputs")


def test_another_key_leaves_every_file_as_it_is_and_opens_them(root: Path) -> None:
    vault = vault_in(root)
    names = [put(vault, data) for data in (b"one", b"two", b"three")]
    files = {name: vault.where(name).read_bytes() for name in names}
    old, new = (WrappingKey(bytes.fromhex(key)) for key in (KEY, OTHER))
    broken = root / "audit" / f"{max(names)}.key"
    kept = broken.read_bytes()
    broken.write_bytes(b"{}")
    with pytest.raises(CiphertextError, match=f"{max(names)} .* its wrapped key was changed"):
        vault.rewrap(old, new)  # ends in the middle
    broken.write_bytes(kept)
    with pytest.raises(EncryptedError):
        vault.sha256(min(names))
    assert vault.rewrap(old, new) == 3
    assert vault.rewrap(old, new) == 3
    (root / "key").write_text(OTHER)
    assert [vault_in(root).sha256(name) for name in names] == [name.removeprefix("inputs/") for name in names]
    assert {name: vault.where(name).read_bytes() for name in names} == files
    with pytest.raises(EncryptedError):
        vault.sha256(names[0])  # the old key opens nothing any more


@pytest.mark.parametrize("name", ["../outside", "inputs/../../outside"])
def test_a_name_out_of_the_store_makes_no_file_outside(root: Path, name: str) -> None:
    vault = vault_in(root)
    (root / "outside.enc").write_bytes(b"auditenc")
    (root / "audit" / "inputs").mkdir(parents=True)
    with vault.session(), pytest.raises(EvidenceError):
        vault.plain(name)


def test_what_is_cached_is_encrypted_with_the_files(root: Path) -> None:
    vault = vault_in(root)
    cached = vault.cached(root / "audit" / ".cache")
    cached.write("a", ROW)
    assert bytes(cached.read("a") or b"") == ROW
    assert ROW[:18] not in (root / "audit" / ".cache" / "a").read_bytes()
    (root / "key").write_text(OTHER)
    assert vault_in(root).cached(root / "audit" / ".cache").read("a") is None
