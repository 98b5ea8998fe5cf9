"""Prices with tax, without rounding errors."""

from decimal import ROUND_HALF_UP, Decimal


def with_tax(net: str, rate: str = "0.19") -> Decimal:
    """The price to pay, to the cent."""
    gross = Decimal(net) * (1 + Decimal(rate))
    return gross.quantize(Decimal("0.01"), ROUND_HALF_UP)
