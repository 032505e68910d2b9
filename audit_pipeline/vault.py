"""The files of a store that hold rows: written encrypted where the project names a key, and read through one door.

A file's name and identity are those of its plaintext: a record names `inputs/<sha256>`, and `inputs/<sha256>.enc`
stands there with `inputs/<sha256>.key`, its wrapped key. Files from before a key was named stay and are read as they
are. Nothing decrypted, and nothing on its way to be encrypted, is on a disk: it stands in a tmpfs, or in memory.
"""

import hashlib
import io
import os
import shutil
import tempfile
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from functools import cached_property
from pathlib import Path
from typing import BinaryIO, Self

from audit_pipeline.cached import Cached
from audit_pipeline.cipher import WrappingKey, seal, unseal, wrapped_in
from audit_pipeline.config import ProjectConfig
from audit_pipeline.config.project import Limits
from audit_pipeline.config.secrets import read_key
from audit_pipeline.copies import Copies
from audit_pipeline.durable import file_sha256, locked, make_folder, storing, sync, write_whole
from audit_pipeline.errors import AddressTakenError, CiphertextError, EncryptedError

ENCRYPTED, WRAPPED = ".enc", ".key"
FOLDERS = ("snapshots", "inputs")  # that hold rows


class Vault:
    """The files of one store, by their names below it."""

    def __init__(
        self, root: Path, *, reference: str | None = None, project: Path | None = None, limits: Limits | None = None
    ) -> None:
        """Nothing is read or made yet.

        Args:
            root: the audit folder.
            reference: where the project's key is, `file:PATH` or `env:NAME`; None: new files are written in clear.
            project: folder that a `file:PATH` begins at.
            limits: how much may stand decrypted, and where.
        """
        self.root, self.reference = root, reference
        self._project, self._limits = project or root.parent, limits

    @classmethod
    def of(cls, config: ProjectConfig | None, root: Path) -> Self:
        """Return the vault of the project in `root`; without its configuration, the key is not known."""
        if config is None:
            return cls(root / "audit")
        return cls(root / "audit", reference=config.keys.encryption, project=root, limits=config.limits)

    @cached_property
    def key(self) -> WrappingKey | None:
        """The project's key; None where it names none.

        Raises:
            KeyMissingError: it is not there.
        """
        return WrappingKey(read_key("encryption", self.reference, self._project)) if self.reference else None

    @cached_property
    def copies(self) -> Copies:
        """What stands decrypted, while a session is open."""
        return Copies(self._limits or Limits())

    def require(self) -> None:
        """See that key and tmpfs are there, before any work is done.

        Raises:
            KeyMissingError: the key is not there.
            MemoryRoomError: the tmpfs is none.
        """
        if self.key:
            _ = self.copies.room

    @contextmanager
    def session(self) -> Iterator[None]:
        """Hold decrypted copies until the end of it; temporary files of all packages go to the tmpfs meanwhile.

        Raises:
            KeyMissingError: as `require`.
            MemoryRoomError: as `require`.
        """
        with self.copies.session() if self.key else nullcontext():
            yield

    def where(self, name: str) -> Path:
        """Return what stands in the store for the file `name`: itself, or its encrypted form."""
        sealed = self.root / f"{name}{ENCRYPTED}"
        return sealed if sealed.exists() else self.root / name  # one in clear beside it was added by somebody

    def is_encrypted(self, name: str) -> bool:
        """Tell whether the file stands there encrypted."""
        return self.where(name) != self.root / name

    def plain(self, name: str) -> Path:
        """Return a file that can be read: itself, or a copy in memory that lasts as long as the session.

        Raises:
            EncryptedError: the key is not named, or another one.
            CiphertextError: what stands there was changed.
            MemoryRoomError: it does not fit beside what stands decrypted already.
        """
        if not self.is_encrypted(name):
            return self.root / name
        self._require_key(name)
        copy = self.copies.place(name)
        if not copy.exists():
            self.copies.require_fits(self.where(name))
            self.copies.write(name, self.chunks(name))
        return copy

    def chunks(self, name: str) -> Iterator[bytes]:
        """Yield the plaintext of a file, a part at a time.

        Raises:
            EncryptedError: as `plain`.
            CiphertextError: as `plain`.
        """
        path = self.where(name)
        key = self._data_key(name) if self.is_encrypted(name) else None
        with path.open("rb") as file:
            yield from unseal(file, name=name, key=key) if key else iter(lambda: file.read(1 << 20), b"")

    def sha256(self, name: str) -> str:
        """Return the sha256 of a file's plaintext, in hex; nothing is written for it."""
        digest = hashlib.sha256()
        for chunk in self.chunks(name):
            digest.update(chunk)
        return digest.hexdigest()

    def sha256_if_whole(self, name: str) -> str:
        """Return the sha256 of a file's plaintext; "" when it was changed such that it does not decrypt."""
        try:
            return self.sha256(name)
        except CiphertextError:
            return ""

    def ciphertext(self, name: str) -> str | None:
        """Return the sha256 of a file as it stands encrypted; None when it does not.

        Raises:
            CiphertextError: its wrapped key is not there, or none; that needs no key to be seen.
        """
        if not self.is_encrypted(name):
            return None
        self._wrapped(name)
        return file_sha256(self.where(name))

    def put(self, name: str, data: bytes, sha256: str) -> None:
        """Keep bytes under a name that says their sha256; what stands there already is left alone.

        Raises:
            AddressTakenError: what stands there is something else.
            StorageError: the disk is full.
        """
        if not self._stands(name, sha256):
            if self.key is None:
                write_whole(self.root / name, data)
            else:
                self._seal(io.BytesIO(data), len(data), name)

    def keep(self, name: str, file: Path, sha256: str) -> None:
        """Keep a finished file of the `workspace` under a name that says its sha256; as `put`."""
        if self._stands(name, sha256):
            return
        target = self.root / name
        with storing(target.name):
            if self.key is None:
                sync(file)
                make_folder(target.parent)
                file.replace(target)
                sync(target.parent)
                return
            with file.open("rb") as source:
                self._seal(source, file.stat().st_size, name)
        if self.copies.is_open:
            file.replace(self.copies.place(name))  # so that nobody has to decrypt it again

    def stage(self, name: str, file: Path, new: Path) -> None:
        """Write what `file` holds to `new`, in the form in which `name` stands there, so that it can take its place.

        An encrypted file keeps its key, which is used once more under another prefix: then there is one rename, and no
        moment at which a crash leaves a file with the key of another.
        """
        make_folder(new.parent)
        if not self.is_encrypted(name):
            part = new.with_name("part")
            with storing(name):
                shutil.copyfile(file, part)
                sync(part)
                part.replace(new)
                sync(new.parent)
            return
        with file.open("rb") as source, self._sealed(source, file.stat().st_size, name, self._data_key(name)) as made:
            made.replace(new)
            sync(new.parent)

    def take_place(self, name: str, new: Path) -> None:
        """Let `new`, which `stage` wrote, stand for `name` from now on; readers see the old file or the new one."""
        target = self.where(name)
        new.chmod(target.stat().st_mode & 0o777)
        new.replace(target)
        sync(target.parent)
        if self.copies.is_open:
            self.copies.place(name).unlink(missing_ok=True)

    def remove(self, name: str) -> None:
        """Delete a file, with its wrapped key; the folder is the caller's to sync."""
        self.where(name).unlink(missing_ok=True)
        (self.root / f"{name}{WRAPPED}").unlink(missing_ok=True)

    @contextmanager
    def workspace(self) -> Iterator[Path]:
        """Yield a folder for rows on their way into the store: on its own file system, or in memory."""
        work = self.copies.room if self.key else self.root / ".work"
        work.mkdir(parents=True, exist_ok=True)
        words = self.copies.in_memory() if self.key else nullcontext()
        with tempfile.TemporaryDirectory(prefix="take-", dir=work) as name, words:
            yield Path(name)

    def require_fits(self, *files: Path) -> None:
        """See that files of the workspace fit into what may stand decrypted.

        Raises:
            MemoryRoomError: they do not.
        """
        if self.key:
            self.copies.require_fits(*files)

    def rewrap(self, old: WrappingKey, new: WrappingKey) -> int:
        """Let `new` wrap what `old` wrapped, and return how many files that are; those `new` wraps already count too.

        Raises:
            CiphertextError: a wrapped key was changed; those before it are wrapped by `new`, and the others by `old`.
            EncryptedError: neither key wrapped it.
        """
        files = sorted(path for folder in FOLDERS for path in (self.root / folder).rglob(f"*{WRAPPED}"))
        for path in files:
            name, content = path.relative_to(self.root).as_posix().removesuffix(WRAPPED), path.read_bytes()
            if wrapped_in(content, name)["key"] != new.key_id:
                write_whole(path, new.wrap(old.unwrap(content, name), name))
            else:
                new.unwrap(content, name)
        return len(files)

    def cached(self, folder: Path) -> Cached:
        """Return a folder of the store for what can be computed again, encrypted as files are."""
        return Cached(folder, self.key)

    def _stands(self, name: str, sha256: str) -> bool:
        """Tell whether a file stands there; it must be the one of that sha256."""
        if not self.where(name).exists():
            return False
        if self.sha256(name) != sha256:
            raise AddressTakenError(name)
        return True

    def _seal(self, source: BinaryIO, size: int, name: str) -> None:
        """Write the encrypted file and, before it, its wrapped key: one without the other is no file."""
        data_key, target = os.urandom(32), self.root / f"{name}{ENCRYPTED}"
        with self._sealed(source, size, name, data_key) as temporary, locked(self.root / ".locks" / "vault"):
            if self.key and not target.exists():  # else another writer was first, with a key of its own
                write_whole(self.root / f"{name}{WRAPPED}", self.key.wrap(data_key, name))
                temporary.replace(target)
                sync(target.parent)

    @contextmanager
    def _sealed(self, source: BinaryIO, size: int, name: str, data_key: bytes) -> Iterator[Path]:
        """Yield an encrypted file that has not its name yet, on the store's own file system."""
        temporary = self.root / ".work" / f"{uuid.uuid4().hex}{ENCRYPTED}"
        with storing(f"{name}{ENCRYPTED}"):
            make_folder(temporary.parent)
            try:
                with temporary.open("xb") as file:
                    seal(source, file, size=size, name=name, key=data_key)
                sync(temporary)
                yield temporary
            finally:
                temporary.unlink(missing_ok=True)

    def _data_key(self, name: str) -> bytes:
        content = self._wrapped(name)
        return self._require_key(name).unwrap(content, name)

    def _require_key(self, name: str) -> WrappingKey:
        if self.key is None:
            raise EncryptedError(name, why="and project.yaml names no `keys.encryption`")
        return self.key

    def _wrapped(self, name: str) -> bytes:
        """Return the wrapped key beside a file."""
        try:
            content = (self.root / f"{name}{WRAPPED}").read_bytes()
        except FileNotFoundError:
            raise CiphertextError(name, "its wrapped key (.key, beside it) is missing") from None
        wrapped_in(content, name)
        return content
