"""States as HTML for notebooks: numbers, text that is only text, and a bounded size."""

from __future__ import annotations

import re
from typing import Any

import pytest

from daskloop import Flow, Parameter, state_html, task
from daskloop.deferred import Deferred
from daskloop.engine.signals import LOOP
from daskloop.states import Cached, Failed, Mapped, Running, Skipped, State, Success, TriggerFailed


def rows(html: str) -> list[list[str]]:
    """Read the texts of a table, row by row."""
    found = re.findall(r"<tr[^>]*>(.*?)</tr>", html)
    cells = [re.findall(r"<t[dh][^>]*>(.*?)</t[dh]>", row) for row in found]
    return [[re.sub(r"<[^>]*>|&#9632; ?", "", cell).strip() for cell in row] for row in cells]


class Closed(Deferred):
    preview = "[1, 2, …]"

    def open(self) -> Any:
        raise AssertionError("a display opens nothing")


class Watched:
    def __repr__(self) -> str:
        raise AssertionError("a display calls no code of the user's")


@task
def count(limit: int) -> int:
    import daskloop

    n = daskloop.context.get("task_loop_result", 0)
    if n == limit:
        return n
    if n == 3:
        raise ValueError("too far")
    raise LOOP(f"at {n}", n + 1)


@task
def after(numbers: Any) -> Any:
    return numbers


with Flow("counts") as flow:
    limits = Parameter("limits")
    counted = count.map(limits)
    last = after(counted)


def test_the_state_of_a_flow_has_a_row_for_each_task():
    state = flow.run(limits=[1, 2, 9], executor="inline")
    html = state._repr_html_()
    assert html.startswith("<div><span style='color:#d55e00'>&#9632;</span> <b>Failed</b> ")
    found = {row[0]: row[1:] for row in rows(html)}
    assert found["Task"] == ["State", "Iterations", "Result", "Message"]
    assert found["limits"] == ["Success", "", "list of 3", "Parameter given."]
    assert found["count"][:3] == ["1 Failed, 2 Success", "9", ""]
    assert "too far" in found["count"][3]
    assert found["after"][0] == "TriggerFailed"


def test_the_state_of_a_map_has_a_row_for_each_child():
    state = flow.run(limits=[1, 2, 9], executor="inline").result[counted]
    found = rows(state._repr_html_())
    assert [row[:4] for row in found] == [
        ["Child", "State", "Iterations", "Result"],
        ["0", "Success", "2", "1"],
        ["1", "Success", "3", "2"],
        ["2", "Failed", "4", ""],
    ]


def test_n03_of_ten_thousand_children_the_first_and_those_that_failed_are_shown():
    children: list[State] = [Success(result=1) for _ in range(10_000)]
    children[7_777] = Failed("it broke")
    html = Mapped(map_states=children)._repr_html_()
    assert "1 Failed, 9999 Success" in html
    assert "it broke" in html
    assert "and 9,980 more children" in html
    assert len(html) < 10_000


def test_names_of_children_stand_for_their_numbers():
    state = Mapped(map_states=[Success(), Skipped()])
    state.map_names = ("a.org", "<b.org>")
    assert [row[0] for row in rows(state._repr_html_())[1:]] == ["a.org", "&lt;b.org&gt;"]


def test_a_loop_says_how_far_it_came_and_its_last_messages():
    state = Failed("it broke")
    state.remember_loop(9, tuple(f"page {n}" for n in range(8)), None)
    html = state._repr_html_()
    assert "iteration 9" in html
    assert "page 7" in html
    assert "page 2" not in html


def test_n03_a_result_that_nobody_asked_for_is_not_opened():
    assert "result [1, 2, …]" in Success(result=Closed())._repr_html_()


@pytest.mark.parametrize(
    ("result", "shown"),
    [
        (Watched(), "result Watched"),
        ([Watched()], "result list of 1"),
        (10**5000, "result int"),
        ("x" * 10**6, "result &#x27;xxx"),
        (None, "<b>Success</b> well</div>"),
        (b"\x00", "result b&#x27;\\x00&#x27;"),
    ],
    ids=["object", "list", "large-int", "long-text", "none", "bytes"],
)
def test_n03_results_are_shown_briefly_and_by_no_code_of_the_users(result, shown):
    html = Success("well", result=result)._repr_html_()
    assert shown in html
    assert len(html) < 600


HOSTILE = {
    "<script>alert(1)</script>": "&lt;script&gt;alert(1)&lt;/script&gt;",
    "\x1b[31mred": "\\x1b[31mred",
    "\u202eright": "\\u202eright",
    "x" * 10**6: "x…",
    "😀 'quoted' \"twice\"": "😀 &#x27;quoted&#x27; &quot;twice&quot;",
}


@pytest.mark.parametrize("text", HOSTILE, ids=["script", "escape", "right", "long", "quotes"])
def test_n03_any_message_is_only_text_and_cut(text):
    child = Failed(text)
    looped = Failed(text)
    looped.remember_loop(2, (text,), None)
    for state in (child, looped, Mapped(map_states=[child]), TriggerFailed(text)):
        html = state._repr_html_()
        assert HOSTILE[text] in html
        assert "<script" not in html
        assert len(html) < 2_000


def test_n03_the_value_of_a_secret_parameter_is_in_no_cell():
    @task
    def login(token: str) -> str:
        raise ValueError(f"refused {token}")

    with Flow("secret") as guarded:
        login(Parameter("token", secret=True))
    html = guarded.run(token="hunter22'q", executor="inline")._repr_html_()
    assert "hunter22" not in html
    assert "refused •••" in html
    assert {row[0]: row[3] for row in rows(html)}["token"] == "•••"


class Hostile:
    def __getattr__(self, name: str) -> Any:
        raise AssertionError("a display asks nothing of the user's objects")


def test_n03_a_dict_that_a_task_has_returned_is_no_flow():
    assert "result dict of 1" in Success(result={"a": Hostile()})._repr_html_()
    assert "result dict of 1" in Success(result={Hostile(): 1})._repr_html_()


def test_a_message_that_is_no_text_is_shown_as_one(monkeypatch):
    monkeypatch.setattr(state_html, "_hidden", {"hunter22": None})
    assert "<b>Failed</b> 404</div>" in Failed(404)._repr_html_()  # type: ignore[arg-type]


def test_states_of_all_kinds_are_shown():
    for state in (State(), Running("under way"), Cached(result={}), Success(result={"a": 1})):
        assert f"<b>{type(state).__name__}</b>" in state._repr_html_()


def test_n03_a_result_of_which_a_secret_may_be_a_part_is_not_shown(monkeypatch):
    monkeypatch.setattr(state_html, "_hidden", {})
    secret = "eyJhbGciOiJIUzI1NiJ9." + "x" * 300 + ".signature"
    state_html.hide([secret])
    assert "result •••" in Success(result=secret)._repr_html_()  # longer than what is shown
    assert "result •••" in Success(result=f"… {secret[-50:]}")._repr_html_()
    named = Mapped(map_states=[Success(secret, result=secret)])
    named.map_names = (f"for {secret}",)
    html = named._repr_html_()
    assert secret[:8] not in html
    assert secret[-8:] not in html
    assert html.count("•••") == 3


def test_n03_only_so_many_secrets_are_remembered(monkeypatch):
    monkeypatch.setattr(state_html, "_hidden", {})
    state_html.hide(f"secret-{number}" for number in range(1_500))
    assert "secret-499" in Success("secret-499")._repr_html_()
    assert "secret-1499" not in Success("secret-1499")._repr_html_()
