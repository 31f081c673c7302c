"""One table of settings, each with its unit, its default and what it is for.

A setting comes, last word first, from the command line, the environment (`DATAEVAL_UI_<NAME>`), `settings.toml` in the
workspace, and the default below.
"""

from __future__ import annotations

import contextlib
import os
import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any

from dataeval_ui.errors import DataEvalUIError, ParameterError, UnknownNameError
from dataeval_ui.types.own_models import OwnModel

ENVIRONMENT_PREFIX = "DATAEVAL_UI_"
_BASE_PATH = re.compile(r"(/(?!\.+(/|$))[A-Za-z0-9._~-]+)*")


def n_usable_cores() -> int:
    """Cores that this process may use, at least 1: affinity, not the machine's count."""
    try:
        return max(1, len(os.sched_getaffinity(0)))
    except AttributeError:  # not on macOS and Windows
        return os.cpu_count() or 1


def default_workspace() -> Path:
    """Folder for everything that the product writes, by the platform's own rules."""
    from platformdirs import user_data_path

    return user_data_path("dataeval-ui", appauthor=False)


def assets_dir() -> Path:
    """Folder of the bundled assets: inside the installed package, or at the top of a checkout."""
    package = Path(__file__).resolve().parent
    installed = package / "assets"
    return installed if installed.is_dir() else package.parent / "assets"


def _doc(text: str, default: Any = None, *, within: tuple[float, float] | None = None, **kwargs: Any) -> Any:
    metadata = {"doc": text, "within": within}
    if "default_factory" not in kwargs:
        kwargs["default"] = default
    return field(metadata=metadata, **kwargs)


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Settings of one process. See the table in `docs/settings.md`, which a test holds to this one."""

    workspace: Path = _doc("Folder of the catalog, embeddings and results.", default_factory=default_workspace)
    catalog_url: str = _doc(
        "Address of the catalog's database; empty is SQLite in the workspace. It may hold a password.",
        default="",
        repr=False,
    )
    data_roots: tuple[Path, ...] = _doc(
        "Folders that the pages may read images from; empty allows the home folder only. The command line reads any.",
        default=(),
    )
    weights_dir: Path | None = _doc("Folder of downloaded weights, looked into before the hub.")
    offline: bool = _doc("Never ask a model hub.", default=False)
    models: tuple[OwnModel, ...] = _doc("Models of your own; in `settings.toml` alone.", default=())
    host: str = _doc("Address to serve at.", default="127.0.0.1")
    login: str = _doc(
        "How to log in: auto (none on this machine, the owner's password elsewhere), password, or oidc.", default="auto"
    )
    roles: Mapping[str, str] = _doc(
        "Roles of people who log in by oidc: an e-mail address, `*@domain` or `group:name` to view, comment, decide or "
        "owner; a table in `settings.toml` alone.",
        default_factory=dict,
    )
    public_url: str = _doc("Address that links begin with, where others reach this server by another.", default="")
    base_path: str = _doc("Path below which a proxy shows this server, as in `/dataeval`.", default="")
    port: int = _doc("Port to serve at.", default=8501, within=(0, 65_535))
    device: str = _doc("Where networks are computed: auto, cpu, cuda, cuda:N or mps.", default="auto")
    precision: str = _doc(
        "full, or mixed: automatic casting to float16 on cuda and mps, about twice as fast.", default="full"
    )
    n_threads: int = _doc("Threads of the model and of BLAS.", default_factory=n_usable_cores, within=(1, 1024))
    n_decoders: int = _doc(
        "Processes that decode images; 0 decodes in the run's own, which a damaged file may then end.",
        default_factory=n_usable_cores,
        within=(0, 1024),
    )
    batch_size: int = _doc(
        "Images handed to the network at once; halved when memory runs out.", default=32, within=(1, 65_536)
    )
    commit_size: int = _doc(
        "Files between two commits; at most these are lost when a run is killed.", default=256, within=(1, 1_000_000)
    )
    thumbnail_px: int = _doc("Longer side of a thumbnail, in pixels.", default=128, within=(16, 2048))
    max_pixels: int = _doc("Pixels of the largest image that is decoded.", default=250_000_000, within=(1, 10**11))
    max_file_bytes: int = _doc("Bytes of the largest file that is read.", default=512 * 2**20, within=(1, 2**40))
    max_archive_bytes: int = _doc("Bytes of an archive once unpacked.", default=64 * 2**30, within=(1, 2**60))
    max_archive_files: int = _doc("Files in an archive.", default=500_000, within=(1, 10**9))
    max_archive_ratio: int = _doc(
        "Unpacked bytes for one packed byte, beyond the first 10 MB.", default=200, within=(1, 10**9)
    )
    max_upload_bytes: int = _doc("Bytes of one upload.", default=16 * 2**30, within=(1, 2**60))
    decode_timeout_s: float = _doc(
        "Seconds after which the decoding of one file is given up; more for images above 24 megapixels.",
        default=60.0,
        within=(0.01, 86_400),
    )


FILE_ONLY = ("models", "roles")
"""Settings that no environment holds: a child process reads them from the same `settings.toml`."""
BLAS_THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "VECLIB_MAXIMUM_THREADS")


def environment_of(settings: Settings) -> dict[str, str]:
    """Write settings as environment variables, so that a child process reads the same ones.

    BLAS and OpenMP get the threads of the settings, unless the user has said otherwise: two contended threads were 3 to
    10 times slower than one. It must be set before numpy is imported.
    """
    environment = {}
    for f in fields(settings):
        value = getattr(settings, f.name)
        if value is not None and f.name not in FILE_ONLY:
            text = os.pathsep.join(map(str, value)) if isinstance(value, tuple) else str(value)
            environment[ENVIRONMENT_PREFIX + f.name.upper()] = text
    return environment | {name: str(settings.n_threads) for name in BLAS_THREADS if name not in os.environ}


def numba_environment(settings: Settings, cache: Path) -> dict[str, str]:
    """Write numba's threads, and the folder for what it compiles, unless the user has named another."""
    return {
        "NUMBA_NUM_THREADS": str(settings.n_threads),
        "NUMBA_CACHE_DIR": os.environ.get("NUMBA_CACHE_DIR") or str(cache),
    }


@contextlib.contextmanager
def in_environment(values: Mapping[str, str]) -> Iterator[None]:
    """Set environment variables for what runs inside, child processes too; then put back what was there."""
    earlier = {name: os.environ.get(name) for name in values}
    os.environ.update(values)
    try:
        yield
    finally:
        for name, value in earlier.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


def _parse(name: str, kind: object, value: Any) -> Any:
    if value is None:
        return None
    try:
        match str(kind):
            case "Path" | "Path | None":
                return Path(value).expanduser()
            case "tuple[Path, ...]":
                parts = value.split(os.pathsep) if isinstance(value, str) else value
                return tuple(Path(p).expanduser() for p in parts if str(p))
            case "tuple[OwnModel, ...]":
                if not isinstance(value, (list, tuple)):
                    raise TypeError
                return tuple(OwnModel.from_table(table) for table in value)
            case "Mapping[str, str]":
                return _roles(value)
            case "int":
                if isinstance(value, (bool, float)):  # 1.5 files are no setting
                    raise TypeError
                return int(value)
            case "float":
                return float(value)
            case "bool":
                if isinstance(value, bool):
                    return value
                return {
                    "1": True,
                    "true": True,
                    "yes": True,
                    "0": False,
                    "false": False,
                    "no": False,
                    "": False,
                }[str(value).lower()]
            case _:
                return str(value)
    except DataEvalUIError:
        raise
    except (ValueError, TypeError, KeyError):
        shown = repr(value)
        shown = shown if len(shown) <= 80 else shown[:77] + "..."
        raise ParameterError(f"The setting {name!r} needs a value of type {kind}, got {shown}.") from None
    except RuntimeError:  # pathlib's answer to "~nobody"
        raise ParameterError(f"The setting {name!r} names the home folder of a user whom this machine lacks.") from None


def _roles(value: Any) -> dict[str, str]:
    known = ("view", "comment", "decide", "owner")
    if not isinstance(value, dict) or any(role not in known for role in value.values()):
        raise ParameterError(f"The setting 'roles' gives each name one of {', '.join(known)}.")
    return {str(name): role for name, role in value.items()}


def _check_ranges(settings: Settings) -> None:
    if not _BASE_PATH.fullmatch(settings.base_path):
        raise ParameterError(
            "The setting 'base_path' is empty or a path of letters, digits, '-', '.', '_' and '~' that begins with a "
            f"slash and ends without one, as in /dataeval; got {settings.base_path[:80]!r}."
        )
    for f in fields(settings):
        if (within := f.metadata["within"]) is None:
            continue
        low, high = within
        if not low <= getattr(settings, f.name) <= high:  # also NaN
            raise ParameterError(
                f"The setting {f.name!r} must be in [{low:,}, {high:,}], got {getattr(settings, f.name)}."
            )


def load_settings(
    overrides: Mapping[str, Any] | None = None, *, environment: Mapping[str, str] | None = None
) -> Settings:
    """Read the settings of this process.

    Parameters
    ----------
    overrides : mapping, optional
        Values from the command line; None values are passed over.
    environment : mapping, optional
        Default: `os.environ`.

    Raises
    ------
    UnknownNameError
        `settings.toml` names a setting that does not exist.
    ParameterError
        A value that cannot be read as the setting's type or is outside its range, or a file that is no TOML.
    """
    environment = os.environ if environment is None else environment
    kinds = {f.name: f.type for f in fields(Settings)}
    given = {k: v for k, v in (overrides or {}).items() if v is not None}
    from_environment = {
        name: environment[ENVIRONMENT_PREFIX + name.upper()]
        for name in kinds
        if name not in FILE_ONLY and ENVIRONMENT_PREFIX + name.upper() in environment
    }
    workspace = _parse("workspace", "Path", given.get("workspace") or from_environment.get("workspace"))
    settings = Settings() if workspace is None else Settings(workspace=workspace)
    from_file: dict[str, Any] = {}
    path = settings.workspace / "settings.toml"
    try:
        from_file = tomllib.loads(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, NotADirectoryError):
        pass
    except ValueError as error:  # no TOML, no UTF-8, or a number of a thousand digits
        raise ParameterError(f"{path} is no TOML file: {error}. Mend or remove it.") from None
    except OSError as error:
        raise ParameterError(f"{path} cannot be read: {error.strerror}. Mend or remove it.") from None
    from_file.pop("workspace", None)
    merged = {**from_file, **from_environment, **given}
    for name in merged:
        if name not in kinds:
            raise UnknownNameError("setting", name, kinds)
    settings = replace(settings, **{name: _parse(name, kinds[name], value) for name, value in merged.items()})
    _check_ranges(settings)
    return settings
