"""The error tree, and the door that hands out the room's names."""

from __future__ import annotations

import ast
import copy
import pickle
import subprocess
import sys
from pathlib import Path

import pytest

import placet_attestations
from placet_attestations import errors
from placet_attestations.errors import AttestationError, MalformedError, UnsupportedError


def test_the_text_of_an_error_is_what_happened_and_where() -> None:
    error = MalformedError("json.syntax", "not JSON", where="bundle.json", hint="write JSON")
    assert str(error) == "not JSON (bundle.json)"
    assert str(MalformedError("json.syntax", "not JSON")) == "not JSON"
    assert (error.code, error.hint) == ("json.syntax", "write JSON")


@pytest.mark.parametrize(
    "duplicate", [copy.copy, lambda error: pickle.loads(pickle.dumps(error))], ids=["copy", "pickle"]
)
def test_an_error_survives_copy_and_pickle(duplicate: object) -> None:
    error = UnsupportedError("bundle.unsupported", "a certificate", where="b.json", hint="use a key")
    assert callable(duplicate)
    again = duplicate(error)
    assert type(again) is UnsupportedError
    assert vars(again) == vars(error)
    assert str(again) == str(error)


def test_every_error_of_the_room_is_in_the_tree() -> None:
    kinds = [kind for kind in vars(errors).values() if isinstance(kind, type)]
    assert len(kinds) == 7
    assert all(issubclass(kind, AttestationError) for kind in kinds)
    assert issubclass(UnsupportedError, MalformedError)
    drawn = errors.__doc__ or ""
    assert all(kind.__name__ in drawn for kind in kinds)


def test_the_door_tells_type_checkers_what_it_tells_python() -> None:
    source = Path(placet_attestations.__file__).read_text()
    typed = {
        (str(node.module).removeprefix("placet_attestations."), alias.name)
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.ImportFrom) and str(node.module).startswith("placet_attestations.")
        for alias in node.names
    }
    handed_out = {
        (home, name) for home, names in vars(placet_attestations)["_HOMES"].items() for name in names
    }
    assert typed == handed_out


def test_no_name_of_the_door_is_a_module_too() -> None:
    # Importing the module would put it in the place of the name, or not, depending on who came first.
    folder = Path(placet_attestations.__file__).parent
    modules = {path.stem for path in folder.iterdir()}
    assert modules.isdisjoint(placet_attestations.__all__)


def test_the_door_hands_out_every_name_it_lists() -> None:
    for name in placet_attestations.__all__:
        assert getattr(placet_attestations, name) is not None
    assert set(placet_attestations.__all__) <= set(dir(placet_attestations))
    with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
        _ = placet_attestations.nonsense


def test_the_door_is_opened_without_loading_the_room() -> None:
    code = "import sys, placet_attestations; print([m for m in sys.modules if m.startswith('placet_att')])"
    folder = Path(placet_attestations.__file__).parents[1]
    run = subprocess.run(
        [sys.executable, "-c", f"import sys; sys.path.insert(0, {str(folder)!r}); {code}"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert run.stdout.strip() == "['placet_attestations']"
