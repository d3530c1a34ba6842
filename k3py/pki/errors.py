"""Errors of certificates and tokens.

PkiError
├── BadCertificate   a certificate, key or signing request cannot be read, or asks for what is not given
├── BadToken         a join token has not the form of one
├── BadSignedToken   a service account's token is not of the form, not ours, or not valid
└── Untrusted        the server is not the one that the join token speaks of
"""


class PkiError(Exception):
    """Something about certificates or tokens does not hold; the message says what and what to do."""


class BadCertificate(PkiError):
    pass


class BadToken(PkiError):
    pass


class BadSignedToken(PkiError):
    pass


class Untrusted(PkiError):
    pass
