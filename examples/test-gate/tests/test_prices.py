from decimal import Decimal

import pytest

from prices import with_tax


@pytest.mark.parametrize(
    ("net", "gross"),
    [("1", "1.19"), ("0.05", "0.06"), ("19.99", "23.79"), ("0", "0.00")],
)
def test_tax_is_rounded_to_the_cent(net, gross):
    assert with_tax(net) == Decimal(gross)
