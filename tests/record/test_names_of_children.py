"""Names of children lie with the record of their map, and come back from it."""

from __future__ import annotations

from daskloop.keys import Place
from daskloop.record.entries import Recorded
from daskloop.record.names_of_children import as_parts, index_of, names_by_slug
from daskloop.record.rows import record_of, record_row


def mapped(slug, names, width=2):
    place = Place(slug, None, 1)
    return Recorded((place,), 1, 0, "Mapped", "", parts=as_parts(names), width=width)


def test_m16_names_come_back_from_a_row():
    names = ["a.org", 'é "漢" ]@3']
    record = record_of(record_row(1, 1, mapped("fetch-1", names)))
    assert record == mapped("fetch-1", names)
    assert names_by_slug([record, mapped("other-1", None)]) == {"fetch-1": names}


def test_m16_of_two_records_of_a_map_the_later_counts():
    found = names_by_slug([mapped("f-1", ["a", "b"]), mapped("f-1", ["c", "d"])])
    assert found == {"f-1": ["c", "d"]}


def test_m16_the_parts_of_a_result_are_no_names():
    record = Recorded((Place("f-1", None, 1),), 1, 0, "Success", "", parts={1: "no length"})
    assert names_by_slug([record]) == {}


def test_m16_a_name_goes_before_a_number():
    assert index_of("1", ["1", "0"]) == 0
    assert index_of("1", ["a", "b"]) == 1
    assert index_of("²", ["a"]) is None
