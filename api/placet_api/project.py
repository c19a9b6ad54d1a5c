"""Where a project is and what lies where in it: `placet.yaml` and `.placet/`, found upwards as git finds `.git`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from placet_api.errors import ConfigurationError
from placet_api.settings import Settings, Value, load

FILE = "placet.yaml"
STATE = ".placet"
_SQLITE = "sqlite:///"
NO_STATE_HINT = (
    f"bring {STATE}/ here from where the project was made (it is kept out of git), name a service that keeps evidence "
    "and log (--server URL), or begin anew elsewhere:  placet init DIR"
)


@dataclass(frozen=True, slots=True)
class Project:
    """One project: its root folder, the working directory of the call, and the resolved settings."""

    root: Path
    cwd: Path
    settings: Settings

    @property
    def state(self) -> Path:
        """The folder of local state."""
        return self.root / STATE

    @property
    def cache(self) -> Path:
        """What can be made again: digest cache, accepted policy sets."""
        return self.state / "cache"

    @property
    def fetched_roots(self) -> Path:
        """What TUF repositories say of trusted roots, as it was fetched last."""
        return self.state / "roots"

    def stateless(self) -> ConfigurationError | None:
        """What is wrong with a project that came without its state (a fresh clone); None when nothing is."""
        # Whoever keeps evidence or the log's key elsewhere needs no such folder.
        inside = (self.settings.text("store"), self.settings.text("log.key")) == (
            f"{_SQLITE}{STATE}/placet.db",
            f"{STATE}/log.key",
        )
        if self.state.is_dir() or not (self.root / FILE).is_file() or not inside:
            return None
        return ConfigurationError(
            "project.no_state",
            f"there is a {FILE} and no {STATE}/: no log key, no signing key, no evidence",
            where=str(self.root),
            hint=NO_STATE_HINT,
        )

    def path(self, key: str) -> Path:
        """A setting that names a file; options and variables count from the working directory, others from the root."""
        return self._under(self.settings.text(key), self.settings.sources[key])

    def optional_path(self, key: str) -> Path | None:
        """As `path`, for a setting that may be absent."""
        value = self.settings.optional(key)
        return None if value is None else self._under(value, self.settings.sources[key])

    def database(self) -> Path:
        """The file of an SQLite store. Raises `ConfigurationError` `store.scheme` for any other scheme."""
        store = self.settings.text("store")
        if not store.startswith(_SQLITE):
            raise ConfigurationError(
                "store.scheme",
                f"this version keeps its store in SQLite only, not at {store.split(':')[0]}:",
                hint="write sqlite:///PATH",
            )
        return self._under(store.removeprefix(_SQLITE), self.settings.sources["store"])

    def kept_head(self) -> Path:
        """Where the last signed checkpoint is kept outside the store: one file for each database."""
        given = self.optional_path("log.head")
        if given is not None:
            return given
        database = self.database()
        return database.with_name("log.head" if database.name == "placet.db" else f"{database.name}.head")

    def _under(self, value: str, source: str) -> Path:
        base = self.cwd if source == "option" or source.startswith("PLACET_") else self.root
        try:
            return base / Path(value).expanduser()
        except RuntimeError as error:
            raise ConfigurationError(
                "settings.home", f"{value} is in a home directory that cannot be found", where=source
            ) from error


def find_root(cwd: Path) -> Path | None:
    """The nearest folder upwards that holds `placet.yaml` or `.placet/`."""
    for folder in (cwd, *cwd.parents):
        if (folder / FILE).is_file() or (folder / STATE).is_dir():
            return folder
    return None


def open_project(cwd: Path, options: Mapping[str, Value], variables: Mapping[str, str]) -> Project:
    """The project around `cwd`. Raises `ConfigurationError` `project.missing` where there is none."""
    root = find_root(cwd)
    if root is None:
        raise ConfigurationError(
            "project.missing",
            f"no {FILE} or {STATE}/ here or in any folder above",
            where=str(cwd),
            hint="start a project here:  placet init",
        )
    return Project(root, cwd, load(options, variables, root / FILE))


def anywhere(cwd: Path, options: Mapping[str, Value], variables: Mapping[str, str]) -> Project:
    """As `open_project`, but a folder without a project is taken as an empty one (for verbs that need no state)."""
    root = find_root(cwd)
    return Project(root or cwd, cwd, load(options, variables, None if root is None else root / FILE))
