"""What is compared: each system, its driver, and what it needs beside that."""

from __future__ import annotations

from dataclasses import dataclass, field

from environments import PEERS

__all__ = ["SYSTEMS", "System"]


@dataclass(frozen=True)
class System:
    """One row of the tables."""

    label: str
    module: str
    """Its driver."""
    way: str
    """As its driver is told."""
    packages: tuple[str, ...]
    """Distributions whose versions are noted."""
    environment: str = ""
    """Name of an environment of its own; none: the project's."""
    requirements: tuple[str, ...] = ()
    python: str = ""
    """Version of Python, where it cannot have the project's."""
    has_workers: bool = True
    """Whether they are processes that can be killed alone."""
    helpers: int = 0
    """How many of the oldest of those are no workers."""
    on_dask: bool = True
    server: tuple[str, ...] = ()
    """Module, and its arguments, of a server of its own that outlives the drivers."""
    env: dict[str, str] = field(default_factory=dict)
    """FOLDER and PORT in it stand for those of the measurement, of the server's arguments too."""


_DASK = ("dask", "distributed")
_PREFECT_ENV = {
    "PREFECT_HOME": "FOLDER/prefect",
    "PREFECT_API_URL": "http://127.0.0.1:PORT/api",
    "DO_NOT_TRACK": "1",
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    "PREFECT_LOGGING_LEVEL": "ERROR",
    "PREFECT_LOGGING_TO_API_ENABLED": "false",
}
_PREFECT_SERVER = ("prefect", "server", "start", "--host", "127.0.0.1", "--port", "PORT", "--no-ui")
_CORE_ENV = {
    "PREFECT__USER_CONFIG_PATH": "FOLDER/config.toml",
    "PREFECT__HOME_DIR": "FOLDER/prefect",
    "PREFECT__LOGGING__LEVEL": "ERROR",
}
# As they were in the days of Prefect Core 1.4.1, its last release.
_CORE = (
    "prefect==1.4.1",
    "dask==2022.10.2",
    "distributed==2022.10.2",
    "pendulum<3",
    "marshmallow<3.20",
    "marshmallow-oneofschema<3.1",
    "python-box<6",
    "urllib3<2",
    "setuptools<70",
    "click<8.1",
    "docker<7",
    "tornado<6.2",
    "packaging<22",
    "importlib_resources<6",
    "croniter<2",
)


def _prefect(label: str, way: str) -> System:
    return System(
        label,
        "beside.on_prefect",
        way,
        ("prefect", "prefect-dask", "distributed"),
        "prefect",
        PEERS["prefect"].requirements,
        server=_PREFECT_SERVER,
        env=_PREFECT_ENV,
    )


SYSTEMS: dict[str, System] = {
    "daskloop": System("daskloop, journal", "beside.on_daskloop", "journal", ("daskloop", *_DASK)),
    "by-value": System("Dask by hand, by value", "beside.on_dask", "by value", _DASK),
    "chain": System("Dask by hand, chain of futures", "beside.on_dask", "chain", _DASK),
    "prefect": _prefect("Prefect 3, Dask", "nested"),
    "prefect-eager": _prefect("Prefect 3, Dask, eager commits", "eager"),
    "core": System(
        "Prefect Core, LOOP",
        "beside.on_core",
        "LOOP",
        ("prefect", *_DASK),
        "prefect-core",
        _CORE,
        python="3.9",
        env=_CORE_ENV,
    ),
    "parsl": System(
        "Parsl, HTEX",
        "beside.on_parsl",
        "HTEX",
        ("parsl",),
        "parsl",
        PEERS["parsl"].requirements,
        helpers=1,  # keeps the books of its pool
        on_dask=False,
    ),
    "dbos": System(
        "DBOS, SQLite",
        "beside.on_dbos",
        "SQLite",
        ("dbos",),
        "dbos",
        PEERS["dbos"].requirements,
        has_workers=False,
        on_dask=False,
    ),
}
"""By name, in the order of the tables."""
