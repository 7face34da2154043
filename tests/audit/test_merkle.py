"""The tree and its notes, held against what other people published: nobody can check us who does not agree on these."""

import base64
import json
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from connecting_families.audit import merkle, notes
from connecting_families.audit.merkle import ProofError
from connecting_families.audit.notes import NoteError

VECTORS = Path(__file__).parents[3] / "shared" / "vectors" / "merkle" / "testdata"
LEAVES = [merkle.leaf_hash(bytes([number])) for number in range(21)]

# c2sp.org/signed-note, and the documentation of Go's golang.org/x/mod/sumdb/note.
PETER = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"
PETERS_SEED = bytes.fromhex("810a1402d5146c8d84f2443330f54080ebf98ee17d9c74f6252fc5d5c7283173")
SAYING = "If you think cryptography is the answer to your problem,\nthen you don't know what your problem is.\n"
PETERS_NOTE = (
    f"{SAYING}\n— PeterNeumann"
    " x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n"
)
FOO = "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k"
FOOS_NOTE = (
    "This is an example message.\n\n— example.com/foo"
    " Uw2QOkn8srV1yJGh2VYRlL1Tnagv1YEq6TfXppzi2ONncAlTgK7Ztg1ERYNZXsYjOBH3mFXmRKuwHjG1Yu72IneyaQM=\n"
)
# c2sp.org/tlog-checkpoint.
SOFA = "example.com/behind-the-sofa\n20852163\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n"


def vectors(kind: str) -> list[Any]:
    files = sorted((VECTORS / kind).rglob("*.json"))
    return [json.loads(file.read_bytes()) | {"file": str(file.relative_to(VECTORS))} for file in files]


def decoded(case: dict[str, Any], *names: str) -> list[bytes]:
    return [base64.b64decode(case[name]) for name in names]


def holds(case: dict[str, Any]) -> bool:
    """What we say of a proof that somebody else made."""
    proof = [base64.b64decode(step) for step in case["proof"] or []]
    try:
        if "leafIdx" in case:
            leaf, root = decoded(case, "leafHash", "root")
            merkle.verify_inclusion(index=case["leafIdx"], size=case["treeSize"], leaf=leaf, proof=proof, root=root)
        else:
            first, second = decoded(case, "root1", "root2")
            sizes = {"size1": case["size1"], "size2": case["size2"]}
            merkle.verify_consistency(**sizes, root1=first, root2=second, proof=proof)
    except ProofError:
        return False
    return True


@pytest.mark.skipif(not VECTORS.is_dir(), reason="The vectors of transparency-dev/merkle are not on this machine.")
def test_every_proof_of_other_people_is_judged_as_they_judge_it() -> None:
    cases = vectors("inclusion") + vectors("consistency")
    assert len(cases) == 196
    assert [case["file"] for case in cases if holds(case) == case["wantErr"]] == []


@pytest.mark.parametrize("size", [0, 1, 2, 3, 7, 8, 21])
@pytest.mark.parametrize("step", [1, 2, 5, 21])
def test_a_tree_that_grows_has_the_root_of_the_whole(size: int, step: int) -> None:
    tree = merkle.Frontier()
    for start in range(0, size, step):
        tree.extend(LEAVES[start : min(start + step, size)])
        tree = merkle.Frontier(tree.size, tree.edge)
    assert (tree.size, tree.root()) == (size, plain_root(LEAVES[:size]))


def plain_root(leaves: list[bytes]) -> bytes:
    """As RFC 6962, section 2.1 defines it."""
    if len(leaves) < 2:
        return leaves[0] if leaves else merkle.EMPTY_ROOT
    half = max(2**power for power in range(10) if 2**power < len(leaves))
    return merkle.node_hash(plain_root(leaves[:half]), plain_root(leaves[half:]))


def test_every_proof_holds_and_no_other_leaf_or_tree_has_it() -> None:
    for size in range(1, len(LEAVES) + 1):
        root = merkle.root_of(LEAVES[:size])
        for index in range(size):
            proof = merkle.inclusion_proof(index, LEAVES[:size])
            merkle.verify_inclusion(index=index, size=size, leaf=LEAVES[index], proof=proof, root=root)
            with pytest.raises(ProofError):
                merkle.verify_inclusion(
                    index=index, size=size, leaf=LEAVES[index - 1], proof=proof, root=LEAVES[0][:31]
                )
            sizes: dict[str, int] = {"size1": index + 1, "size2": size}
            proof, earlier = merkle.consistency_proof(index + 1, LEAVES[:size]), merkle.root_of(LEAVES[: index + 1])
            merkle.verify_consistency(**sizes, root1=earlier, root2=root, proof=proof)
            with pytest.raises(ProofError):
                merkle.verify_consistency(**sizes, root1=merkle.leaf_hash(b"other"), root2=root, proof=proof)


@pytest.mark.parametrize(("size", "edge"), [(1, b""), (0, b"0" * 32), (3, b"0" * 32), (-1, b"")])
def test_an_edge_of_another_size_is_refused(size: int, edge: bytes) -> None:
    with pytest.raises(ValueError, match="edge"):
        merkle.Frontier(size, edge)


def test_notes_of_other_people_are_opened_and_made() -> None:
    peter, foo = notes.read_vkey(PETER), notes.read_vkey(FOO)
    assert (str(peter), str(foo)) == (PETER, FOO)
    assert notes.opened(PETERS_NOTE, [foo, peter]) == SAYING
    assert notes.opened(FOOS_NOTE, [foo]) == "This is an example message.\n"
    key = Ed25519PrivateKey.from_private_bytes(PETERS_SEED)
    assert notes.vkey_of("PeterNeumann", key) == peter
    assert notes.sign(SAYING, "PeterNeumann", key) == PETERS_NOTE


SIGNED = PETERS_NOTE.removeprefix(SAYING)


@pytest.mark.parametrize(
    "note",
    [
        SAYING, PETERS_NOTE[:-1], FOOS_NOTE, "", "\n\n", PETERS_NOTE + "\n", "\x00" + PETERS_NOTE,
        "\udc80" + PETERS_NOTE,
        PETERS_NOTE.replace("x08g", "x08h"), PETERS_NOTE.replace("know", "see"), PETERS_NOTE.replace("—", "-"),
        PETERS_NOTE.replace("\n\n", "\n"), SAYING.replace("\n", "\r\n") + SIGNED, SAYING + SIGNED[:-9] + "\n",
        SAYING + SIGNED * 60, PETERS_NOTE.replace("/SffcvIAQ", "/SffcvIAR"),
    ],
)  # fmt: skip
def test_a_note_that_is_malformed_or_not_theirs_is_refused(note: str) -> None:
    with pytest.raises(NoteError):
        notes.opened(note, [notes.read_vkey(PETER)])


@pytest.mark.parametrize(
    "mangled",
    [PETER[1:], PETER[:-1], PETER.replace("c74f", "c74e"), PETER.replace("+AR", "+AQ"), PETER.replace("+c7", " c7"),
     PETER.replace("Peter", "Peter "), "", "++"],
)  # fmt: skip
def test_a_mangled_verifier_key_is_refused(mangled: str) -> None:
    with pytest.raises(NoteError):
        notes.read_vkey(mangled)


def test_the_checkpoint_of_the_specification_is_read() -> None:
    read = notes.read_checkpoint(SOFA)
    assert (read.origin, read.size, len(read.root)) == ("example.com/behind-the-sofa", 20852163, 32)
    assert read.text == SOFA
    assert notes.read_checkpoint(SOFA + "extension\n") == read


@pytest.mark.parametrize("text", [SOFA[:-1], SOFA.replace("208", "0208"), SOFA.replace("208", "-208"), "\n" + SOFA, "",
                                  SOFA.replace("2I=", "=="), SOFA + "\n", SOFA.replace("20852163", "²")])  # fmt: skip
def test_a_malformed_checkpoint_is_refused(text: str) -> None:
    with pytest.raises(NoteError):
        notes.read_checkpoint(text)


@pytest.mark.parametrize("size", [1, 2, 3, 7, 8, 21, 64, 100])
def test_several_paths_in_one_pass_are_those_of_each_alone(size: int) -> None:
    hashes = [merkle.leaf_hash(bytes([number])) for number in range(size)]
    every = merkle.inclusion_proofs(range(size), size, iter(hashes))
    assert every == {index: merkle.inclusion_proof(index, hashes) for index in range(size)}
    for fewer in (hashes[:-1], []):
        with pytest.raises(ValueError, match="leaves"):
            merkle.inclusion_proofs([0], size, fewer)
