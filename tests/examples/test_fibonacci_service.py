"""The example service: its answers, its refusals and its failures."""

from __future__ import annotations

import signal
import subprocess
import sys

import pytest
import requests

from tests.examples.scripts import EXAMPLES, load

service = load("fibonacci_service")


@pytest.fixture
def url():
    with service.serve() as running:
        yield running.url


@pytest.mark.parametrize(
    ("nth", "number"), [(1, 1), (2, 1), (3, 2), (10, 55), (12, 144), (100, 354224848179261915075)]
)
def test_it_answers_the_nth_number_as_json(url, nth, number):
    assert requests.post(url, data={"nth": nth}).json() == number


def test_a_leading_zero_changes_nothing(url):
    assert requests.post(url, data={"nth": "0000010"}).json() == 55


@pytest.mark.parametrize(
    ("data", "says"),
    [
        ({}, "it came 0 times"),
        ({"n": 3}, "it came 0 times"),
        ({"nth": [3, 4]}, "it came 2 times"),
        ({"nth": "zwei"}, "not 'zwei'"),
        ({"nth": "0"}, "not '0'"),
        ({"nth": "-1"}, "not '-1'"),
        ({"nth": "1.5"}, "not '1.5'"),
        ({"nth": "٣"}, "not '٣'"),
        ({"nth": "10001"}, "from 1 to 10000"),
        ({"nth": "9" * 5000}, "from 1 to 10000"),
    ],
)
def test_a_bad_request_is_answered_with_400_and_a_text(url, data, says):
    answer = requests.post(url, data=data)
    assert answer.status_code == 400
    assert says in answer.text


def test_bytes_that_are_no_text_are_a_bad_request(url):
    assert requests.post(url, data=b"nth=\xff\xfe").status_code == 400


def test_other_pages_are_not_found(url):
    assert requests.get(f"{url}other").status_code == 404
    assert requests.post(f"{url}other", data={"nth": 1}).status_code == 400


def test_it_counts_what_was_asked():
    with service.serve() as running:
        requests.post(running.url, data={"nth": 1})
        requests.post(running.url, data={"nth": 0})
        counts = requests.get(f"{running.url}stats").json()
    assert counts == {"requests": 2, "failed": 0, "bad": 1}


def test_it_fails_the_first_requests_and_then_no_more():
    with service.serve(fail_first=3, seed=1) as running:
        outcomes = [_outcome(running.url) for _ in range(6)]
        assert running.stats()["failed"] == 3
    assert outcomes[3:] == ["8", "8", "8"]
    assert set(outcomes[:3]) <= {"500", "dropped"}


def test_it_fails_the_share_that_was_asked_for_in_both_ways():
    with service.serve(fail_rate=0.5, seed=3) as running:
        outcomes = [_outcome(running.url) for _ in range(60)]
    assert 15 < outcomes.count("8") < 45
    assert {"500", "dropped"} < set(outcomes)


def test_the_same_seed_fails_the_same_requests():
    def outcomes():
        with service.serve(fail_rate=0.4, seed=11) as running:
            return [_outcome(running.url) for _ in range(20)]

    assert outcomes() == outcomes()


def test_as_a_script_it_prints_its_address_and_ends_when_interrupted():
    script = EXAMPLES / "fibonacci_service.py"
    with subprocess.Popen(
        [sys.executable, str(script), "--fail-first", "1", "--seed", "1"],
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        line = process.stdout.readline()
        url = line.removeprefix("serving on ").strip()
        assert url.startswith("http://127.0.0.1:")
        assert _outcome(url) in {"500", "dropped"}
        assert _outcome(url) == "8"
        process.send_signal(signal.SIGINT)
        rest, _ = process.communicate(timeout=20)
    assert process.returncode == 0
    assert "'requests': 2" in rest


@pytest.mark.parametrize("arguments", [["--fail-rate", "2"], ["--fail-rate", "x"], ["--prot", "1"]])
def test_as_a_script_it_refuses_what_it_does_not_know(arguments):
    script = EXAMPLES / "fibonacci_service.py"
    ended = subprocess.run(
        [sys.executable, str(script), *arguments], capture_output=True, text=True, check=False
    )
    assert ended.returncode == 2
    assert arguments[-1] in ended.stderr


def _outcome(url):
    """Ask for the sixth number; say what came."""
    try:
        answer = requests.post(url, data={"nth": 6}, timeout=20)
    except requests.ConnectionError:
        return "dropped"
    return answer.text if answer.ok else str(answer.status_code)
