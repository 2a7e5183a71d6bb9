"""Addresses are checked, and nobody is shown more of them than the host."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daskloop.notify import Apprise, Slack, Webhook
from daskloop.notify.addresses import shown_url, tokens_of

SECRET = "https://me:passw0rd@hooks.example.org:8443/services/T0TOKEN1/B0?key=s3cretkey#part"


def test_an_address_is_shown_by_its_host():
    assert shown_url(SECRET) == "https://hooks.example.org:8443/•••"
    assert repr(Webhook(SECRET)).startswith("<Webhook https://hooks.example.org:8443/•••: ")


@pytest.mark.parametrize("token", ["passw0rd", "T0TOKEN1", "s3cretkey"])
def test_what_is_secret_in_an_address_is_known(token: str):
    assert token in tokens_of(SECRET)


@given(st.text())
def test_whatever_is_given_as_an_address_can_be_shown(text: str):
    assert len(shown_url(text)) >= 3
    tokens_of(text)


@pytest.mark.parametrize(
    ("make", "kind", "text"),
    [
        (lambda: Webhook(5), TypeError, "give its URL as a text, not int"),
        (lambda: Webhook("example.org"), ValueError, "Webhook(url): '•••' is no address"),
        (lambda: Slack("ftp://x"), ValueError, "Slack(url): ftp://••• is no address"),
        (lambda: Webhook("https://"), ValueError, "is no address"),
        (lambda: Webhook("https://host:port/"), ValueError, "is no address"),
        (lambda: Webhook("http://example.org/x"), ValueError, "begins with https://"),
        (lambda: Webhook(SECRET, on="failed"), TypeError, "on='failed': give several of"),
        (lambda: Webhook(SECRET, on=()), ValueError, "names nothing to tell of"),
        (lambda: Webhook(SECRET, on=("fails",)), ValueError, "there is no such event"),
        (lambda: Webhook(SECRET, retries=0), ValueError, "retries=0: give a whole number"),
        (lambda: Webhook(SECRET, window=-1), ValueError, "window=-1: give 0 seconds or more"),
        (lambda: Webhook(SECRET, headers=5), TypeError, "headers: give a dict of texts"),
        (lambda: Webhook(SECRET, headers={"A": "b\nc"}), ValueError, "no header may hold"),
        (lambda: Apprise(5), TypeError, "give its URL as a text, not int"),
    ],
)
def test_what_cannot_be_used_is_refused_when_it_is_made(make, kind, text):
    with pytest.raises(kind) as caught:
        make()
    assert text in str(caught.value)
    assert "passw0rd" not in str(caught.value)
