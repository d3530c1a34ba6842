"""What defaulting does to every list of resources. Source: Kubernetes ``SetDefaults_ResourceList``."""

from typing import Final

from k3py.model import quantity

# Units below a thousandth.
_FINE: Final = ("u", "n")


def rounded(amounts: dict[str, str | int | float]) -> None:
    """Round canonical amounts up to thousandths, in place: nothing finer is kept."""
    for name, amount in amounts.items():
        if isinstance(amount, str) and amount[-1:] in _FINE:
            amounts[name] = quantity.canonical(f"{quantity.milli(amount)}m")
