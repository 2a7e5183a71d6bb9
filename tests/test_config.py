"""The settings and how they are read."""

from __future__ import annotations

import dask
import pytest
import yaml

from daskloop import config


def test_every_setting_has_a_default_that_can_be_read() -> None:
    assert config.setting("executor") is None
    assert config.setting("journal") is None
    assert config.setting("batch") == 1
    assert config.size("inline-limit") == 65536
    assert config.seconds("connect-timeout") == 30
    assert config.seconds("stall-report") == 30


def test_what_the_user_set_before_stays() -> None:
    config._registered_defaults.cache_clear()
    with dask.config.set({"daskloop.batch": 7}):
        assert config.setting("batch") == 7
    assert config.setting("batch") == 1


@pytest.mark.parametrize("value", ["soon", -1, None, "1 parsec", float("inf"), [3]])
def test_a_setting_that_is_no_duration_is_named(value: object) -> None:
    with (
        dask.config.set({"daskloop.connect-timeout": value}),
        pytest.raises(ValueError, match=r"Config daskloop\.connect-timeout is .*Write for example"),
    ):
        config.seconds("connect-timeout")


@pytest.mark.parametrize("value", ["big", -1, None, [3]])
def test_a_setting_that_is_no_size_is_named(value: object) -> None:
    with (
        dask.config.set({"daskloop.inline-limit": value}),
        pytest.raises(ValueError, match=r"Config daskloop\.inline-limit is .*Write for example"),
    ):
        config.size("inline-limit")


def test_every_default_has_a_line_that_explains_it() -> None:
    text = (config.Path(config.__file__).with_name("daskloop.yaml")).read_text()
    for name in yaml.safe_load(text)["daskloop"]:
        line = next(line for line in text.splitlines() if line.strip().startswith(f"{name}:"))
        assert "#" in line


def test_a_first_look_inside_a_changed_configuration_leaves_the_defaults():
    config._registered_defaults.cache_clear()
    dask.config.config.pop("daskloop", None)
    dask.config.defaults[:] = [one for one in dask.config.defaults if "daskloop" not in one]
    with dask.config.set({"daskloop.executor": "inline"}):
        assert config.setting("executor") == "inline"
    assert config.seconds("drain") == 10.0
