from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from placet_api.admission.references import ImageError, Reference, parse
from tests.api.admission.objects import A


@pytest.mark.parametrize(
    ("text", "name", "tag"),
    [
        ("app", "app", None),
        ("app:1", "app", "1"),
        ("library/app", "library/app", None),
        ("placet.example/a/b_c/d__e/f--g.h:V1.0-x", "placet.example/a/b_c/d__e/f--g.h", "V1.0-x"),
        ("placet.example:5000/app", "placet.example:5000/app", None),
        ("localhost/app:_", "localhost/app", "_"),
        ("HOST/app", "HOST/app", None),
        ("[fe80::1]:5000/app:2", "[fe80::1]:5000/app", "2"),
    ],
)
def test_a_pinned_reference_is_read(text: str, name: str, tag: str | None) -> None:
    assert parse(f"{text}@{A}") == Reference(name, tag, A)
    with pytest.raises(ImageError, match="pin it by digest") as caught:
        parse(text)
    assert caught.value.code == "image.tag_only"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "@" + A,
        " app",
        "app\n",
        "App",
        "a//b",
        "/app",
        "app/",
        "app:",
        "app:-1",
        "app:" + "t" * 129,
        "app:1:2",
        "a..b",
        "a___b",
        "-a",
        "a-",
        "é",
        "\u0661",
        "app\u0663",
        "ho_st.example/app",
        "host.example:port/app",
        "host.example:/app",
        "a" * 64,
        "a" * 256,
        "a" * 2000,
        f"app@{A}@{A}",
        "app@",
        "app@sha256",
        "app@sha256:",
        f"app@{A}\n",
        f"app@ {A}",
        f"scheme://host.example/app@{A}",
    ],
)
def test_what_is_no_reference_is_malformed(text: str) -> None:
    with pytest.raises(ImageError) as caught:
        parse(text)
    assert caught.value.code == "image.malformed"


@pytest.mark.parametrize(
    "digest",
    ["sha512:" + "a" * 128, "md5:abc", "sha256:" + "a" * 63, "sha256:" + "A" * 64, "SHA256:" + "a" * 64],
)
def test_only_sha256_pins(digest: str) -> None:
    with pytest.raises(ImageError) as caught:
        parse(f"app@{digest}")
    assert caught.value.code == "image.digest_algorithm"


@given(st.text(alphabet="aA0./:@-_[]sha256\n", max_size=90))
def test_any_text_is_read_or_refused(text: str) -> None:
    try:
        found = parse(text)
    except ImageError:
        return
    assert text.endswith("@" + found.digest)
