"""The public key under which this project reads its own log."""

from __future__ import annotations

from placet_api.errors import ConfigurationError
from placet_api.paths import exists, is_file
from placet_api.project import Project
from placet_engine.errors import ConfigurationError as EngineConfigurationError
from placet_engine.log.keyfile import load_log_key, load_verifier
from placet_engine.log.note import NoteVerifier

PUBLIC_KEY = "log.pub"


def log_verifier(project: Project) -> NoteVerifier:
    """The key in log.pub; where that file is missing, what the private key says.

    Raises `ConfigurationError` logkey.missing when there is neither, and the engine's logkey.* for one that is no key.
    """
    public, private = project.root / PUBLIC_KEY, project.path("log.key")
    if exists(public) or not is_file(private):
        return _public(project)
    try:
        return load_log_key(private).verifier
    except EngineConfigurationError as error:
        if error.code == "logkey.unreadable":  # somebody else's: who may only read the log has log.pub alone
            raise _missing(project) from error
        raise


def _public(project: Project) -> NoteVerifier:
    try:
        return load_verifier(project.root / PUBLIC_KEY)
    except EngineConfigurationError as error:
        if error.code == "logkey.missing":
            raise _missing(project) from error
        raise


def _missing(project: Project) -> ConfigurationError:
    return ConfigurationError(
        "logkey.missing",
        f"{PUBLIC_KEY} is missing",
        where=str(project.root / PUBLIC_KEY),
        hint="copy it from whoever keeps the log",
    )
