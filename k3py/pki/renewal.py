"""When a certificate is to be renewed. Decides; the clock is outside."""

from dataclasses import dataclass
from typing import Final

from k3py.pki.ca import load_certificate

RENEW_AFTER_FRACTION: Final = 2 / 3
# How long to sleep at most: wall clocks jump and machines are suspended, asyncio's sleep knows neither.
CHECK_INTERVAL_SECONDS: Final = 600.0


@dataclass(frozen=True)
class Renewal:
    """The dates of one certificate, seconds since 1970."""

    not_before: float
    not_after: float

    @classmethod
    def of(cls, certificate_pem: bytes) -> "Renewal":
        """The dates of the first certificate in the PEM text.

        Raises:
            BadCertificate: there is none that can be read.
        """
        certificate = load_certificate(certificate_pem)
        return cls(certificate.not_valid_before_utc.timestamp(), certificate.not_valid_after_utc.timestamp())

    @property
    def due(self) -> float:
        """When two thirds of its life have passed."""
        return self.not_before + (self.not_after - self.not_before) * RENEW_AFTER_FRACTION

    def is_due(self, now: float) -> bool:
        return now >= self.due

    def is_expired(self, now: float) -> bool:
        return now >= self.not_after

    def wait_seconds(self, now: float) -> float:
        """How long to sleep before looking again: until it is due, at most ``CHECK_INTERVAL_SECONDS``."""
        return min(max(self.due - now, 0.0), CHECK_INTERVAL_SECONDS)
