"""What a page says of a run, whatever is recorded of it."""

from __future__ import annotations

import json
import re
from dataclasses import fields, replace
from html.parser import HTMLParser

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from daskloop.keys import Place
from daskloop.page.content import content_of
from daskloop.page.render import html_of
from daskloop.page.rows import MOST_ROWS
from daskloop.page.secret_texts import spellings
from daskloop.page.sound import sound
from daskloop.record.entries import Given, Mark, Recorded, Submitted, Summary, Wire
from daskloop.record.pickling import preview
from daskloop.record.sealed import ErrorText, Sealed
from tests.page.pasts import (
    BEGUN,
    MARKS,
    failed,
    looped,
    mapped,
    past_of,
    record,
    retrying,
    wide,
)

HOSTILE = "</script><script>alert(1)</script><b>bold</b>\x1b[31mred ‮right 😀 \ud800 \x00"


def counts(past, **more):
    return {fact.key: fact.text for fact in content_of(past, **more).counts}


def test_the_counts_are_those_of_the_records():
    past = past_of(
        mapped(3),
        looped(1),
        failed("x", 2),
        retrying(2),
        record("Success", 2, run_count=2),
        failed("y", 1, 1, final=True),
        record("Lost", 1, 1, attempted=False),
        status="failed",
    )
    found = counts(past)
    assert found["children"] == "4"  # of which one has not begun, and the other task neither
    assert found["iterations"] == "2"
    assert found["attempts"] == "4"
    assert (found["retries"], found["losses"], found["failed"]) == ("1", "1", "0")


def test_a_child_under_way_is_shown_at_the_iteration_it_is_at():
    sent = Submitted((Place("reach-1", 0, 2),), 1, 0, BEGUN + 3)
    for status, word in (("running", "under way"), ("interrupted", "cut off")):
        data = content_of(past_of(mapped(1), looped(1), status=status, submitted=[sent])).data
        assert data["columns"]["cells"] == ["gu"]
        assert data["kinds"][6] == word


class Elements(HTMLParser):
    """Notes what a browser would make of a text."""

    def __init__(self, text):
        super().__init__()
        self.found = []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.found.append(tag)


def test_text_from_tasks_is_text():
    past = past_of(
        record("Mapped", 1, None, attempted=False, width=1, parts={0: json.dumps([HOSTILE])}),
        failed(HOSTILE),
        status="failed",
        message=HOSTILE,
        parameters=[Given(HOSTILE, "d", Sealed(b"", None, 0, 0, HOSTILE), None)],
        marks=[Mark("reach-1", HOSTILE, "", "", True, (Wire(HOSTILE, HOSTILE, True),))],
    )
    past = replace(
        past,
        summary=replace(
            past.summary,
            header=replace(
                past.summary.header, flow=HOSTILE, origin=HOSTILE, versions={HOSTILE: HOSTILE}
            ),
        ),
    )
    text = html_of(content_of(past, command=HOSTILE))
    elements = Elements(text).found
    assert elements.count("script") == 2
    assert "b" not in elements
    assert not re.search("[\x00-\x09\x0b-\x1f\u202e\ud800]", text)
    assert "\\x1b[31mred" in text
    assert "😀" in text


def test_a_message_of_a_megabyte_is_cut():
    text = html_of(content_of(past_of(mapped(1), failed("é" * 1_000_000), message="x" * 1_000_000)))
    assert len(text) < 60_000


def test_a_secret_appears_nowhere():
    secrets = ["hunter22"]
    text = "401 for hunter22"
    past = past_of(
        record("Mapped", 1, None, attempted=False, width=2, parts={0: '["hunter22", "b"]'}),
        failed(text, 1, 0),
        looped(1, 1, message=text),
        record("Success", 2, 1, value=Sealed(b"", None, 0, 0, repr(text))),
        record("Lost", 1, 1, message=text),
        message=text,
        parameters=[Given("url", "d", Sealed(b"", None, 0, 0, text), None)],
    )
    page = html_of(content_of(past, secrets))
    assert "hunter22" not in page
    assert "401 for •••" in page
    assert "hunter22" in html_of(content_of(past))


@pytest.mark.parametrize("before", [0, 60, 150, 188, 192, 196, 250])
def test_a_secret_that_a_preview_cuts_is_hidden_too(before):
    secret = "hunter22-" + "".join(map(str, range(1000, 1040)))
    value = {"note": before * "x", "token": secret, "more": 300 * "y"}
    text = preview(value)
    given = [Given("all", "d", Sealed(b"", None, 0, 0, text), None)]
    for one in (value, before * "x" + secret, [secret]):
        done = record("Success", 1, 0, value=Sealed(b"", None, 0, 0, preview(one)))
        page = html_of(content_of(past_of(mapped(1), done, parameters=given), spellings([secret])))
        assert not any(secret[n : n + 5] in page for n in range(len(secret) - 5))


def test_a_run_with_secrets_that_are_not_known_says_so():
    given = [Given("token", "", None, None)]
    (note,) = content_of(past_of(parameters=given)).notes
    assert "secret parameters are not recorded" in note
    assert content_of(past_of(parameters=given), ["hunter22"]).notes == ()
    assert content_of(past_of(parameters=given)).parameters == (("token", "(secret)"),)


def test_the_page_may_load_nothing_and_run_only_its_own_script():
    text = html_of(content_of(past_of(mapped(0))))
    policy = re.search(r'Content-Security-Policy" content="([^"]*)"', text)[1]
    assert policy.startswith("default-src &#39;none&#39;; style-src &#39;sha256-")
    assert "unsafe" not in policy
    assert not re.search(r"""(src|href|action)=["']?(?!#)[a-z/]""", text)
    assert "http://" not in text.replace("http://www.w3.org/2000/svg", "")
    assert " style=" not in text


@pytest.mark.slow
def test_of_a_very_wide_run_those_that_went_wrong_are_listed():
    bad = [failed("x", 1, child) for child in (5, 29_999)]
    fine = [record("Success", 1, n, took=0.1) for n in range(30_000) if n not in (5, 29_999)]
    content = content_of(past_of(mapped(30_000), *bad, *fine))
    index = content.data["columns"]["index"]
    assert MOST_ROWS * 0.8 < len(index) <= MOST_ROWS
    assert {5, 29_999} <= set(index)
    assert index == sorted(index)
    assert "20,000 of 30,000 children are listed" in content.notes[0]


def test_loops_of_very_many_iterations_stay_small():
    past = past_of(mapped(2), *(looped(n, c) for c in range(2) for n in range(1, 10**6, 150)))
    text = html_of(content_of(past))
    assert len(text) < 130_000


@pytest.mark.slow
def test_ten_thousand_loops_of_twenty_iterations_take_less_than_5_megabytes():
    assert len(html_of(content_of(wide(10_000, 20))).encode()) < 5_000_000


ODD = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(max_size=5),
    st.binary(max_size=3),
    st.sampled_from([HOSTILE, 2**53 + 1, -1, 10**400, [], {}, (), (None,), float("inf")]),
)
STATES = st.sampled_from(
    "Looped Success Failed Retrying Mapped TakenBack Lost Approved Paused Odd Cancelled".split()
)
SMALL = st.integers(0, 4)
PLACES = st.builds(Place, st.sampled_from(["reach-1", "total-1", "x"]), st.none() | SMALL, SMALL)
TIMES = st.floats(0, 2e9) | st.just(0.0)
RECORDS = st.builds(
    Recorded,
    st.tuples(PLACES) | st.tuples(PLACES, PLACES),
    SMALL,
    SMALL,
    STATES,
    st.text(max_size=9),
    value=st.none() | st.builds(Sealed, st.none(), st.none(), SMALL, SMALL, st.text() | ODD),
    error=st.none() | st.builds(ErrorText, st.text(), st.text(), st.text()),
    width=st.none() | SMALL,
    parts=st.just({})
    | st.dictionaries(SMALL, st.text(max_size=4) | st.just("[1]") | st.just("7"), max_size=2),
    started=TIMES,
    ended=TIMES,
    at=TIMES,
)
SENT = st.builds(Submitted, st.tuples(PLACES), SMALL, SMALL, TIMES)


@st.composite
def spoiled(draw, whole):
    """Something with one field that may be anything."""
    one = draw(whole)
    if draw(st.integers(0, 2)):
        return one
    name = draw(st.sampled_from([field.name for field in fields(one)]))
    return replace(one, **{name: draw(ODD)})


@st.composite
def pasts(draw):
    """Runs as somebody may write them who wants the page to break."""
    past = past_of(
        *draw(st.lists(spoiled(RECORDS), max_size=8)),
        submitted=draw(st.lists(spoiled(SENT), max_size=3)),
        marks=[*MARKS, *draw(st.lists(spoiled(st.just(MARKS[0])), max_size=2))],
        parameters=draw(st.lists(spoiled(st.just(Given("p", "", None, None))), max_size=2)),
        message=draw(st.text()),
    )
    header = draw(spoiled(st.just(past.summary.header)))
    summary = draw(spoiled(st.just(past.summary)))
    return replace(past, summary=replace(summary, header=header))


@settings(max_examples=150, deadline=None)
@given(pasts())
def test_whatever_a_journal_holds_there_is_a_page(past):
    text = html_of(content_of(past))
    assert Elements(text).found.count("script") == 2
    json.loads(re.search(r'id="data">(.*?)</script>', text, re.DOTALL)[1])


def test_what_cannot_be_understood_is_left_out_and_counted():
    odd = [replace(looped(1), started=float("nan")), replace(looped(1), message=None)]
    past, left_out = sound(past_of(mapped(1), looped(1), *odd))
    assert left_out == 2
    assert len(past.records) == 2
    assert isinstance(past.summary, Summary)
    assert content_of(past_of(*odd)).notes[0].startswith("2 records could not be understood")
