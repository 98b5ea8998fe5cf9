from datetime import datetime

from tides import high_waters


def test_two_high_waters_a_day():
    first, second = high_waters(datetime(2026, 1, 1, 6), 2)
    assert str(second - first) == "12:25:00"
