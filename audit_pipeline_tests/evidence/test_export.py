"""The pack: what is in it, the same bytes again, and a verifier of one file that knows nothing of this program."""

import hashlib
import json
import subprocess
import sys
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from audit_pipeline.errors import EvidenceError, QueryError
from audit_pipeline.evidence import Store, rotate, seal, verify
from audit_pipeline.evidence.canonical import canonical
from audit_pipeline.evidence.export import Exported, export
from audit_pipeline.evidence.review import review
from audit_pipeline.evidence.sign import PAYLOAD_TYPE, SigningKey, sign
from audit_pipeline.evidence.verifier import NotVerifiedError, check, is_signed
from audit_pipeline_tests.builders import NIGHT, commit, make_key, make_store, nights
from audit_pipeline_tests.hardship import quick_folder

OLD, NEW, FOREIGN = make_key(1), make_key(2), make_key(3)
FIRST, LAST = nights(2)
Content = dict[str, bytes]


@pytest.fixture(scope="module")
def store() -> Iterator[Store]:
    """Two nights of two models, one restated, a review, a key handed over between them; read only."""
    with quick_folder() as folder:
        store = make_store(folder, OLD)
        for night in (FIRST, LAST):
            for model_id in ("churn", "spend"):
                commit(store, model_id=model_id, night=night)
        seal(store.log)
        rotate(store.log, NEW, run="keys rotate")
        store = make_store(folder, NEW)
        commit(store, night=FIRST, psi=0.5)
        review(store, "churn", FIRST, meaning="rejected", name="Ada B.", account="ada", reason="It drifted.")
        seal(store.log)
        yield store


def write(store: Store, target: Path, **options: Any) -> Exported:
    return export(store, target, "churn", first=FIRST, last=LAST, **options)


@pytest.fixture(scope="module")
def pack(store: Store, tmp_path_factory: pytest.TempPathFactory) -> Path:
    target = tmp_path_factory.mktemp("pack") / "pack.zip"
    write(store, target)
    return target


def content(pack: Path) -> Content:
    with zipfile.ZipFile(pack) as file:
        return {name: file.read(name) for name in file.namelist()}


def packed(content: Content, target: Path) -> Path:
    with zipfile.ZipFile(target, "w") as file:
        for name, data in content.items():
            file.writestr(name, data)
    return target


def run(program: Path, *words: object) -> tuple[int, str]:
    """Run the verifier out of the pack by itself: no package of ours, nor any other, can be imported."""
    command = [sys.executable, "-I", "-S", str(program), *map(str, words)]
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    assert ended.stderr == ""
    return ended.returncode, ended.stdout


def test_the_verifier_in_the_pack_says_what_it_proves(store: Store, pack: Path, tmp_path: Path) -> None:
    with zipfile.ZipFile(pack) as file:
        program = Path(file.extract("verify.py", tmp_path))
    for key in (None, OLD, NEW):
        code, said = run(program, pack, *(("--key", key.key_id) if key else ()))
        assert (code, said.splitlines()[-1]) == (0, "VERIFIED.")
        assert f"root {verify(store).root}" in said
        assert f"Signed with the key {NEW.key_id}" in said
        assert said.count("churn 2026-07-01: WARN") == 2
        assert "rejected by Ada B. on " in said
        assert "spend" not in said
    code, said = run(program, pack, "--key", FOREIGN.key_id)
    assert (code, said.startswith("NOT VERIFIED: the pack is signed with the key")) == (1, True)
    assert run(program, program) == (1, "NOT VERIFIED: this is no pack of audit evidence, or it is damaged.\n")


def test_no_row_leaves_unless_it_is_asked_for(store: Store, pack: Path, tmp_path: Path) -> None:
    assert not [name for name in content(pack) if "snapshots" in name]
    said = json.loads(content(pack)["pack.json"])
    assert [file["role"] for file in said["left_out"].values()] == ["snapshot", "snapshot"]
    assert b"left out; their digests stand" in content(pack)["README.txt"]
    whole = write(store, tmp_path / "whole.zip", with_rows=True)
    names = content(tmp_path / "whole.zip")
    assert whole.left_out == 0
    assert len([name for name in names if "snapshots" in name]) == 2
    assert b"personal data" in names["README.txt"]
    assert check(zipfile.ZipFile(tmp_path / "whole.zip"), None)[1]


def test_the_same_evidence_gives_the_same_bytes(store: Store, pack: Path, tmp_path: Path) -> None:
    write(store, tmp_path / "again.zip")
    assert (tmp_path / "again.zip").read_bytes() == pack.read_bytes()
    assert list(tmp_path.iterdir()) == [tmp_path / "again.zip"]


def said(pack: Content) -> Any:
    return json.loads(pack["pack.json"])


def change_entry(pack: Content) -> None:
    told = said(pack)
    record = next(e for e in told["entries"] if '"kind":"record"' in e["line"])
    record["line"] = record["line"].replace('"verdict":"WARN"', '"verdict":"PASS"')
    pack["pack.json"] = json.dumps(told).encode()


def change_file(part: str) -> Callable[[Content], None]:
    def change(pack: Content) -> None:
        name = next(name for name in pack if part in name)
        pack[name] = bytes([pack[name][0] ^ 1]) + pack[name][1:]

    return change


def drop_record(pack: Content) -> None:
    del pack[next(name for name in pack if "/evidence/" in name)]


def swap_records(pack: Content) -> None:
    one, other = (name for name in pack if "/evidence/churn/2026-07-01/" in name)
    pack[one], pack[other] = pack[other], pack[one]


def add_file(pack: Content) -> None:
    pack["files/artifacts/churn/evil.html"] = b"<h1>all is well</h1>"


def sign_anew(pack: Content, *keys: SigningKey, **changed: Any) -> None:
    import base64

    told = said(pack)
    payload = json.loads(base64.b64decode(told["root"]["payload"])) | changed
    told["root"] = sign(canonical(payload), keys)
    pack["pack.json"] = json.dumps(told).encode()


def forge(pack: Content) -> None:
    told = said(pack)
    told["root"]["signatures"][0]["sig"] = told["roots"][0]["envelope"]["signatures"][0]["sig"]
    pack["pack.json"] = json.dumps(told).encode()


def foreign_root(pack: Content) -> None:
    """Signed with our key, but of another log: the roots of before are not in it."""
    sign_anew(pack, NEW, root="0" * 64)


def no_handover(pack: Content) -> None:
    told = said(pack)
    told["roots"] = [root for root in told["roots"] if len(root["envelope"]["signatures"]) == 1]
    pack["pack.json"] = json.dumps(told).encode()


ATTACKS: dict[str, tuple[Callable[[Content], None], str]] = {
    "an entry": (change_entry, "is not in the signed log"),
    "a record": (change_file("/evidence/"), "was changed"),
    "a report": (change_file("report.html"), "was changed"),
    "an input": (change_file("/inputs/"), "was changed"),
    "a record dropped": (drop_record, "is missing"),
    "two records swapped": (swap_records, "was changed"),
    "a file added": (add_file, "no record names files/artifacts/churn/evil.html"),
    "a signature": (forge, "the signature of a root is forged"),
    "a root of another log": (foreign_root, "is not in the signed log"),
    "an expired key": (lambda p: sign_anew(p, OLD, key_id=OLD.key_id), "unknown or expired key"),
    "an unknown key": (lambda p: sign_anew(p, FOREIGN, key_id=FOREIGN.key_id), "unknown or expired key"),
    "no signature": (sign_anew, "a root is unsigned"),
    "a handover left out": (no_handover, "was not handed over"),
}


@pytest.mark.parametrize("what", ATTACKS)
def test_a_pack_that_was_changed_is_refused(pack: Path, tmp_path: Path, what: str) -> None:
    attack, words = ATTACKS[what]
    changed = content(pack)
    attack(changed)
    with pytest.raises(NotVerifiedError, match=words), zipfile.ZipFile(packed(changed, tmp_path / "p.zip")) as file:
        check(file, None)


def test_an_unsigned_pack_holds_together_and_says_so(tmp_path: Path) -> None:
    store = make_store(tmp_path)
    commit(store, night=FIRST)
    seal(store.log)
    write(store, tmp_path / "pack.zip")
    with zipfile.ZipFile(tmp_path / "pack.zip") as file:
        program = Path(file.extract("verify.py", tmp_path))
    code, said = run(program, tmp_path / "pack.zip")
    assert (code, said.splitlines()[-1]) == (3, "UNSIGNED: it holds together, as anybody could make it do.")
    assert run(program, tmp_path / "pack.zip", "--key", OLD.key_id)[0] == 1


def test_what_is_not_there_or_not_whole_is_not_exported(tmp_path: Path) -> None:
    store = make_store(tmp_path, OLD)
    with pytest.raises(EvidenceError, match="the log has no root"):
        write(store, tmp_path / "pack.zip")
    commit(store, night=FIRST)
    seal(store.log)
    with pytest.raises(EvidenceError, match="No record of 'nobody'"):
        export(store, tmp_path / "pack.zip", "nobody", first=FIRST, last=LAST)
    page = next(store.root.rglob("report.html"))
    page.write_text("changed")
    with pytest.raises(EvidenceError, match=r"report.html is not the file of its record"):
        write(store, tmp_path / "pack.zip")
    assert not (tmp_path / "pack.zip").exists()


# RFC 8032, section 7.1, tests 1 to 3: public key, message, signature
VECTORS = [
    (
        "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
        "",
        "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24"
        "655141438e7a100b",
    ),
    (
        "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c",
        "72",
        "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aee"
        "b00d291612bb0c00",
    ),
    (
        "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025",
        "af82",
        "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28d"
        "c027beceea1ec40a",
    ),
]


@pytest.mark.parametrize(("key", "message", "signature"), VECTORS)
def test_signatures_of_the_rfc_hold(key: str, message: str, signature: str) -> None:
    data = [bytes.fromhex(part) for part in (key, message, signature)]
    assert is_signed(*data)
    assert not is_signed(data[0], data[1] + b"!", data[2])
    order = 2**252 + 27742317777372353535851937790883648493
    twin = int.from_bytes(data[2][32:], "little") + order  # the same equation, another signature: refused
    assert not is_signed(data[0], data[1], data[2][:32] + twin.to_bytes(32, "little"))


@settings(max_examples=25, deadline=None)
@given(st.binary(min_size=32, max_size=32), st.binary(max_size=40), st.integers(0, 64 * 8 - 1))
def test_the_verifiers_own_check_agrees_with_cryptography(seed: bytes, message: bytes, bit: int) -> None:
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    private = Ed25519PrivateKey.from_private_bytes(seed)
    key, signature = private.public_key().public_bytes_raw(), bytearray(private.sign(message))
    assert is_signed(key, message, bytes(signature))
    signature[bit // 8] ^= 1 << bit % 8
    with pytest.raises(InvalidSignature):
        private.public_key().verify(bytes(signature), message)
    assert not is_signed(key, message, bytes(signature))


# --- signatures of persons ----------------------------------------------------------------------------------------


def test_a_review_is_bound_to_the_record_that_was_there(tmp_path: Path) -> None:
    store = make_store(tmp_path, OLD)
    made = commit(store)
    entry = review(store, "churn", NIGHT, meaning="approved", name=" Ada B. ", account="ada", reason=" As known. ")
    assert (entry.kind, entry.model_id, entry.night) == ("review", "churn", "2026-07-01")
    assert entry.body == {
        "record": made.record,
        "result_digest": made.result_digest,
        "verdict": "WARN",
        "meaning": "approved",
        "name": "Ada B.",
        "account": "ada",
        "reason": "As known.",
    }
    assert entry.digest == hashlib.sha256(canonical(entry.body)).hexdigest()
    seal(store.log)
    assert verify(store).ok
    assert store.head("churn", NIGHT).digest == made.record  # type: ignore[union-attr]


@pytest.mark.parametrize("wrong", [{"meaning": "liked"}, {"name": " "}, {"reason": ""}])
def test_a_signature_without_name_meaning_or_reason_is_none(tmp_path: Path, wrong: dict[str, str]) -> None:
    store = make_store(tmp_path, OLD)
    good = {"meaning": "approved", "name": "Ada", "account": "ada", "reason": "So."}
    with pytest.raises(QueryError, match="No audit of 'churn'"):
        review(store, "churn", NIGHT, **good)
    commit(store)
    with pytest.raises(QueryError, match="needs a name, a reason, and one of reviewed, approved, rejected"):
        review(store, "churn", NIGHT, **{**good, **wrong})


def test_nobody_signs_a_record_that_was_changed(tmp_path: Path) -> None:
    store = make_store(tmp_path, OLD)
    made = commit(store)
    path = store.record_path("churn", "2026-07-01", made.record)
    path.write_bytes(path.read_bytes().replace(b"WARN", b"PASS"))
    with pytest.raises(EvidenceError, match="was changed"):
        review(store, "churn", NIGHT, meaning="approved", name="Ada", account="ada", reason="So.")


def test_payload_type_of_the_verifier_is_the_products() -> None:
    from audit_pipeline.evidence import verifier

    assert verifier.PAYLOAD_TYPE.decode() == PAYLOAD_TYPE
