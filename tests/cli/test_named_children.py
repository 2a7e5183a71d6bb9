"""The command line calls children of maps by their names, where they have some."""

from __future__ import annotations

import json

import pytest

from tests.cli.commands import daskloop, run_named

NAMED = """
from daskloop import Flow, Parameter, task


@task
def fetch(url):
    if url == "b.org":
        raise ValueError("no page")
    return url.upper()


with Flow("named") as flow:
    fetch.map(Parameter("urls"), names="{url}")
"""


@pytest.fixture
def run(folder):
    (folder / "named.py").write_text(NAMED)
    ended = daskloop("run", "named.py", "-p", 'urls=["a.org", "b.org"]', "--executor", "inline")
    assert ended.exit_code == 1
    return run_named(ended.output), ended.output


def test_m16_a_failure_and_what_to_do_are_told_by_name(run):
    name, output = run
    assert "✖ fetch[b.org] (url='b.org') failed" in output
    assert f"daskloop debug {name} 'fetch[b.org]@1'" in output


def test_m16_show_lists_and_finds_children_by_name(run):
    name, _ = run
    listed = daskloop("show", name, "fetch").output
    assert "fetch[a.org]" in listed and "fetch[b.org]" in listed
    (child,) = json.loads(daskloop("show", name, "fetch[b.org]", "--json").output)["children"]
    assert (child["name"], child["child"], child["state"]) == ("fetch[b.org]", 1, "Failed")
    by_number = json.loads(daskloop("show", name, "fetch[1]", "--json").output)["children"]
    assert by_number == [child]
    refused = daskloop("show", name, "fetch[c.org]")
    assert refused.exit_code == 2 and "has no child of the name 'c.org'" in refused.output


def test_m16_resume_takes_one_back_by_name(run, folder):
    name, _ = run
    (folder / "named.py").write_text(NAMED.replace('== "b.org"', '== "c.org"'))
    ended = daskloop("resume", name, "--only", "fetch[b.org]", "--allow-code-change")
    assert ended.exit_code == 0, ended.output
    assert "fetch x2  2 Success" in ended.output
