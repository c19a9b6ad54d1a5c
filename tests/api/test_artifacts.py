from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from placet_api.artifacts import Resolved, identify, resolve
from placet_api.errors import UsageError
from placet_attestations.digests import Digest
from placet_attestations.errors import IdentityError, MalformedError
from placet_attestations.oci import write_layout
from tests.builders import a_digest

ONE, TWO = a_digest("one"), a_digest("two")


@dataclass(frozen=True, slots=True)
class Known:
    """A `Lookup` in memory."""

    names: Mapping[str, tuple[Digest, ...]] = field(default_factory=dict)
    subjects: tuple[Digest, ...] = ()

    def by_prefix(self, prefix: str) -> tuple[Digest, ...]:
        return tuple(digest for digest in self.subjects if digest.startswith(prefix))

    def by_name(self, name: str) -> tuple[Digest, ...]:
        return self.names.get(name, ())


KNOWN = Known({"churn": (ONE,), "churn@1": (ONE,), "both": (TWO, ONE)}, (ONE, TWO))
SAME_START = Known(subjects=(Digest.parse(f"sha256:{'a' * 64}"), Digest.parse(f"sha256:{'a' * 63}b")))


def find(text: str, *, reading: bool = True, expect: str | None = None, known: Known = KNOWN) -> Resolved:
    return resolve(text, lambda: known, reading=reading, expect=expect)


def refused(
    text: str, *, reading: bool = True, expect: str | None = None, known: Known = KNOWN
) -> UsageError:
    with pytest.raises(UsageError) as caught:
        find(text, reading=reading, expect=expect, known=known)
    return caught.value


def test_a_path_is_read_byte_by_byte(empty: Path) -> None:
    (empty / "model").write_bytes(b"model")
    found = find("model", reading=False)
    assert found == Resolved(Digest.of(b"model"), "model", Path("model"))
    (empty / "model").write_bytes(b"other")
    assert find("model", reading=False).digest == Digest.of(b"other")


def test_a_path_wins_over_a_name(empty: Path) -> None:
    (empty / "churn").write_bytes(b"file")
    assert find("churn").digest == Digest.of(b"file")


def test_a_reading_verb_may_use_a_cache_and_a_deciding_one_has_none(empty: Path) -> None:
    (empty / "model").write_bytes(b"model")
    found = resolve("model", lambda: KNOWN, reading=True, cached=lambda _: ONE)
    assert found.digest == ONE


def test_a_dangling_link_is_a_path_and_is_refused_as_one(empty: Path) -> None:
    (empty / "churn").symlink_to("nowhere")
    with pytest.raises(IdentityError):
        find("churn")


@pytest.mark.parametrize("reading", [True, False])
def test_a_whole_digest_needs_nothing(reading: bool) -> None:
    assert find(ONE, reading=reading) == Resolved(ONE, f"sha256:{ONE.hex[:12]}…")


@pytest.mark.parametrize("digits", [12, 20, 63])
@pytest.mark.parametrize("end", ["", "…"])
def test_a_unique_beginning_serves_reading_verbs(digits: int, end: str) -> None:
    text = f"sha256:{ONE.hex[:digits]}{end}"
    assert find(text).digest == ONE
    with pytest.raises(MalformedError) as caught:
        find(text, reading=False)
    assert caught.value.code == ("digest.syntax" if end else "digest.short")


@pytest.mark.parametrize(
    ("text", "code"),
    [
        (f"sha256:{ONE.hex[:11]}", "digest.short"),
        (f"sha256:{ONE.hex.upper()}", "digest.syntax"),
        (f"sha256:{ONE.hex}0", "digest.syntax"),
        ("sha256:", "digest.short"),
        (f"oci:registry/repo@md5:{ONE.hex}", "digest.algorithm"),
        ("oci:registry/repo@sha256:12", "digest.short"),
    ],
)
def test_what_is_no_digest_is_refused(text: str, code: str) -> None:
    with pytest.raises(MalformedError) as caught:
        find(text)
    assert caught.value.code == code


def test_an_ambiguous_or_unknown_beginning_is_refused() -> None:
    error = refused(f"sha256:{'a' * 12}", known=SAME_START)
    assert error.code == "artifact.ambiguous_prefix"
    assert all(digest in error.message for digest in SAME_START.subjects)
    assert refused(f"sha256:{'b' * 12}").code == "artifact.unknown"


def test_a_name_serves_reading_verbs_when_it_means_one_artifact() -> None:
    assert find("churn") == Resolved(ONE, "churn")
    assert find("churn@1").digest == ONE
    error = refused("both")
    assert error.code == "artifact.ambiguous_name"
    assert error.message.index(min(ONE, TWO)) < error.message.index(max(ONE, TWO))
    assert refused("nobody").code == "artifact.unknown"


def test_a_name_is_taken_by_the_other_verbs_only_with_what_it_must_be() -> None:
    error = refused("churn", reading=False)
    assert error.code == "artifact.missing"
    assert error.hint is not None
    assert "--expect" in error.hint
    assert find("churn", reading=False, expect=ONE).digest == ONE
    assert refused("both", reading=False, expect=ONE).code == "artifact.ambiguous_name"


@pytest.mark.parametrize("text", ["churn", ONE, f"sha256:{ONE.hex[:12]}", f"oci:registry/repo@{ONE}"])
def test_an_artifact_that_is_not_what_it_must_be_is_refused(text: str) -> None:
    assert find(text, reading=False, expect=ONE).digest == ONE
    error = refused(text, reading=False, expect=TWO)
    assert (error.code, error.where) == ("artifact.unexpected", TWO)


def test_what_it_must_be_is_a_whole_digest() -> None:
    for expect in ("", "sha256:12", "churn"):
        with pytest.raises(MalformedError):
            find(ONE, reading=False, expect=expect)


def test_a_registry_reference_needs_its_digest() -> None:
    assert find(f"oci:registry:5000/repo:tag@{ONE}") == Resolved(ONE, "registry:5000/repo:tag")
    for text in ("oci:registry/repo:tag", "oci:registry/repo"):
        assert refused(text).code == "artifact.tag"


def test_an_image_layout_is_its_manifest(empty: Path) -> None:
    (empty / "model").write_bytes(b"model")
    digest = write_layout(Path("image"), {"app/model": Path("model")}, created="1970-01-01T00:00:00Z")
    assert find("oci-layout:image", reading=False) == Resolved(digest, "oci-layout:image", Path("image"))
    assert identify("oci-layout:image").form == "oci-layout"
    assert identify("image").digest != digest
    with pytest.raises(IdentityError):
        find("oci-layout:nowhere")
    (empty / "image" / "index.json").write_text("{}")
    with pytest.raises(MalformedError):
        find("oci-layout:image")


@pytest.mark.parametrize("reading", [True, False])
def test_the_empty_text_is_an_unset_variable_and_not_the_working_directory(
    empty: Path, reading: bool
) -> None:
    (empty / "file").write_bytes(b"x")
    assert refused("", reading=reading).code == "artifact.empty"
    with pytest.raises(UsageError):
        identify("")


@pytest.mark.parametrize("text", ["n" * 5000, "nul\0byte", "half\udcff", "esc\x1b[31m"])
def test_a_name_that_no_file_can_have_is_no_file(empty: Path, text: str) -> None:
    assert refused(text, reading=False).code == "artifact.missing"
    assert refused(text).code == "artifact.unknown"


def test_what_is_identified_says_how(empty: Path) -> None:
    (empty / "folder").mkdir()
    (empty / "folder" / "file").write_bytes(b"x")
    assert identify("folder/file").form == "file"
    assert identify("folder").form == "directory"
    assert identify("folder", role="code").form == "code"
    assert identify("folder/file", role="code").form == "file"
