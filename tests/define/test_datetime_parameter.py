"""Points in time as parameters."""

from datetime import date, datetime, timedelta, timezone

import pytest

from daskloop import DateTimeParameter
from tests.define.writing import writing

UTC = timezone.utc


@pytest.mark.parametrize(
    ("given", "moment"),
    [
        ("2026-03-01", datetime(2026, 3, 1, tzinfo=UTC)),
        ("2026-03-01T12:00", datetime(2026, 3, 1, 12, tzinfo=UTC)),
        ("2026-03-01T12:00:00Z", datetime(2026, 3, 1, 12, tzinfo=UTC)),
        ("2026-03-01T12:00:00.5+02:00", datetime(2026, 3, 1, 10, 0, 0, 500_000, tzinfo=UTC)),
        (date(2026, 3, 1), datetime(2026, 3, 1, tzinfo=UTC)),
        (datetime(2026, 3, 1, 12), datetime(2026, 3, 1, 12, tzinfo=UTC)),
    ],
)
def test_p04_what_names_no_time_zone_is_utc(given, moment):
    found = DateTimeParameter("when").accept(given)
    assert found == moment and found.tzinfo is not None


def test_p04_a_time_zone_that_is_named_is_kept():
    zone = timezone(timedelta(hours=2))
    found = DateTimeParameter("when").accept("2026-03-01T12:00+02:00")
    assert found.tzinfo == zone and found.hour == 12


@pytest.mark.parametrize("given", ["yesterday", "", "2026-03-01+02:00", 1_700_000_000, None, [1]])
def test_p04_what_is_no_point_in_time_is_refused(given):
    with pytest.raises(ValueError, match="is not a point in time.*ISO 8601"):
        DateTimeParameter("when").accept(given)


def test_p04_it_is_a_parameter_like_any_other():
    with writing() as graph:
        when = DateTimeParameter("when", default="2026-03-01", tags=["nightly"])
        other = DateTimeParameter("other", required=False)
    assert graph.parameters() == {when, other}
    assert (when.required, when.default) == (False, datetime(2026, 3, 1, tzinfo=UTC))
    assert (other.required, other.accept(None)) == (False, None)
    with pytest.raises(ValueError, match="its default does not fit"):
        DateTimeParameter("bad", default="soon")
