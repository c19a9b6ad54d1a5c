"""Making a project: files, keys, the empty log. Nothing that exists is overwritten."""

from __future__ import annotations

import getpass
import platform
import secrets
from pathlib import Path

from placet_api import init_templates
from placet_api.errors import ConfigurationError
from placet_api.project import FILE, NO_STATE_HINT, STATE


def initialise(folder: Path, principal: str | None, *, example: bool) -> list[tuple[str, str]]:
    """Make a project in `folder`; returns what was made, with words.

    Raises `ConfigurationError` `init.exists` when there is one, `init.unwritable`.
    """
    try:
        return _initialise(folder, principal or _principal(), example)
    except OSError as error:
        raise ConfigurationError(
            "init.unwritable", f"cannot make a project: {error.strerror}", where=str(error.filename or folder)
        ) from error


def _initialise(folder: Path, principal: str, example: bool) -> list[tuple[str, str]]:
    from placet_attestations.keys import generate, save_private, save_public
    from placet_engine.log.keyfile import create_log_key

    for name in (FILE, STATE, "trust.yaml"):
        if (folder / name).exists():
            # A clone without its state: to make one here would give it keys that its trust policy does not name.
            clone = name == FILE and not (folder / STATE).exists()
            hint = f"nothing was changed; {NO_STATE_HINT}" if clone else "nothing was changed"
            raise ConfigurationError(
                "init.exists", f"there is a {name} already", where=str(folder), hint=hint
            )
    state, keys = folder / STATE, folder / "keys"
    folder.mkdir(parents=True, exist_ok=True)
    state.mkdir(mode=0o700)
    (state / "keys").mkdir(mode=0o700)
    keys.mkdir(exist_ok=True)
    for name in ("dev", "gate"):
        signer = generate()
        save_private(state / "keys" / f"{name}.key", signer)
        save_public(keys / f"{name}.pub", signer.public_key)
    create_log_key(state / "log.key", folder / "log.pub", f"placet.local/{secrets.token_hex(6)}")
    (folder / "trust.yaml").write_text(
        init_templates.TRUST_YAML.format(principal=principal), encoding="utf-8"
    )
    (folder / FILE).write_text(init_templates.PLACET_YAML, encoding="utf-8")
    with (folder / ".gitignore").open("a", encoding="utf-8") as ignore:
        ignore.write(init_templates.GITIGNORE)
    made = [
        (str(folder / FILE), "settings"),
        (str(folder / "trust.yaml"), "who may say what about which kind of artifact"),
        (str(keys / "dev.pub"), f"your public key; the private one is {state / 'keys' / 'dev.key'}"),
        (str(keys / "gate.pub"), "the gate's public key, for those who rely on its verification summaries"),
        (str(folder / "log.pub"), "the log's public key; give it to your auditor by another way"),
        (str(folder / ".gitignore"), f"keeps {STATE}/ (keys, evidence, log) out of git"),
    ]
    return made + (_example(folder) if example else [])


def _example(folder: Path) -> list[tuple[str, str]]:
    for name, text in init_templates.EXAMPLE.items():
        (folder / name).write_text(text, encoding="utf-8")
    return [(str(folder / name), "example") for name in init_templates.EXAMPLE]


def _principal() -> str:
    try:
        user = getpass.getuser()
    except (KeyError, OSError):
        user = "developer"
    return f"{user}@{platform.node() or 'localhost'}"
