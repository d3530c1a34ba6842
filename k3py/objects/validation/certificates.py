"""Checks of certificate signing requests. Source: Kubernetes ``pkg/apis/certificates/validation``."""

from collections import Counter
from typing import Final

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm

from k3py.model import names
from k3py.model.generated import certificates_v1
from k3py.objects.fields import Errors
from k3py.objects.meta import NameRule
from k3py.objects.validation.pem import PemBlock, pem_blocks

CLIENT_SIGNER: Final = "kubernetes.io/kube-apiserver-client"
LEGACY_SIGNER: Final = "kubernetes.io/legacy-unknown"
MASTERS: Final = "system:masters"
SECONDS_MIN: Final = 600
USAGES: Final = (
    "any", "cert sign", "client auth", "code signing", "content commitment", "crl sign", "data encipherment",
    "decipher only", "digital signature", "email protection", "encipher only", "ipsec end system", "ipsec tunnel",
    "ipsec user", "key agreement", "key encipherment", "microsoft sgc", "netscape sgc", "ocsp signing", "s/mime",
    "server auth", "signing", "timestamping",
)  # fmt: skip
APPROVED: Final = "Approved"
DENIED: Final = "Denied"
FAILED: Final = "Failed"
_SIGNER_LENGTH_MAX: Final = names.SUBDOMAIN_LENGTH_MAX * 2 + names.LABEL_LENGTH_MAX + 2
_CONDITIONS: Final = "status.conditions"
_SYNTAX: Final = "asn1: syntax error"
# What the parser of certificates says of bytes that are none.
_UNREADABLE: Final = (ValueError, TypeError, x509.InvalidVersion)

Request = certificates_v1.CertificateSigningRequest
Condition = certificates_v1.CertificateSigningRequestCondition


def request(obj: Request, wrong: Errors) -> None:
    """What is wrong with what is asked for. It cannot change, so only a new request is looked at."""
    spec = obj.spec
    if why := _unfit_request(spec.request):
        wrong.invalid("spec.request", spec.request or None, why)
    if not spec.usages:
        wrong.required("spec.usages", "usages is required")
    for index, usage in enumerate(spec.usages):
        if usage not in USAGES:
            wrong.unsupported(f"spec.usages[{index}]", usage, USAGES)
    for index, usage in enumerate(spec.usages):
        if usage in spec.usages[:index]:
            wrong.duplicate(f"spec.usages[{index}]", usage)
    if spec.signer_name == LEGACY_SIGNER:
        detail = "the legacy signerName is not allowed via this API version"
        wrong.invalid("spec.signerName", spec.signer_name, detail)
    else:
        signer_name("spec.signerName", spec.signer_name, wrong)
    if spec.expiration_seconds is not None and spec.expiration_seconds < SECONDS_MIN:
        detail = "may not specify a duration less than 600 seconds (10 minutes)"
        wrong.invalid("spec.expirationSeconds", spec.expiration_seconds, detail)


def request_update(new: Request, old: Request, wrong: Errors) -> None:
    """A change of the object itself reaches neither what is asked for nor what came of it: nothing can be wrong."""
    _change(new, old, wrong, approves=False, signs=False)


def request_status(new: Request, old: Request, wrong: Errors) -> None:
    """The signer sets the certificate, once, and says what failed; it approves and denies nothing."""
    _change(new, old, wrong, approves=False, signs=True)


def request_approval(new: Request, old: Request, wrong: Errors) -> None:
    """The approver approves or denies, once; it signs nothing."""
    _change(new, old, wrong, approves=True, signs=False)


def _change(new: Request, old: Request, wrong: Errors, *, approves: bool, signs: bool) -> None:
    conditions(new.status.conditions, old.status.conditions, wrong)
    certificate, before = new.status.certificate, old.status.certificate
    if certificate and certificate != before and (why := _unfit_certificate(certificate)):
        wrong.invalid("status.certificate", "<certificate data>", why)
    counted, known = _counted(new), _counted(old)
    for kind in (APPROVED, DENIED, FAILED):
        if counted[kind] < known[kind]:
            wrong.forbidden(_CONDITIONS, f'updates may not remove a condition of type "{kind}"')
    for kind in () if approves else (APPROVED, DENIED):
        if counted[kind] > known[kind]:
            wrong.forbidden(_CONDITIONS, f'updates may not add a condition of type "{kind}"')
    if certificate == before:
        return
    if not signs:
        wrong.forbidden("status.certificate", "updates may not set certificate content")
    elif before:
        wrong.forbidden("status.certificate", "updates may not modify existing certificate content")


def _counted(obj: Request) -> Counter[str]:
    return Counter(each.type for each in obj.status.conditions)


def conditions(found: list[Condition], old: list[Condition], wrong: Errors) -> None:
    """Each type is there once and says True; what is approved is not denied. What was let in once may stay."""
    before = Counter(each.type for each in old)
    both = bool(before[APPROVED] and before[DENIED])
    seen: set[str] = set()
    for index, each in enumerate(found):
        path = f"{_CONDITIONS}[{index}]"
        if not each.type and not before[""]:
            wrong.required(f"{path}.type")
        opposite = {APPROVED: DENIED, DENIED: APPROVED}.get(each.type)
        if opposite in seen and not both:
            wrong.invalid(f"{path}.type", each.type, "Approved and Denied conditions are mutually exclusive")
        allowed = ("True",) if each.type in (APPROVED, DENIED, FAILED) else ("False", "True", "Unknown")
        if not each.status:
            wrong.required(f"{path}.status")
        elif each.status not in allowed:
            wrong.unsupported(f"{path}.status", each.status, allowed)
        if each.type in seen and before[each.type] < 2:
            wrong.duplicate(f"{path}.type", each.type)
        seen.add(each.type)


def signer_name(path: str, name: str, wrong: Errors) -> None:
    """``example.com/name``: who is to sign."""
    if not name:
        wrong.required(path)
        return
    domain, slash, rest = name.partition("/")
    if not slash or "/" in rest:
        detail = "must be a fully qualified domain and path of the form 'example.com/signer-name'"
        wrong.invalid(path, name, detail)
        return
    if len(domain) > names.SUBDOMAIN_LENGTH_MAX:
        wrong.too_long(path, names.SUBDOMAIN_LENGTH_MAX)
    _labels(path, domain, names.dns_1123_label, wrong)
    if "." not in domain:
        wrong.invalid(path, domain, "should be a domain with at least two segments separated by dots")
    _labels(path, rest, names.dns_1123_subdomain, wrong)
    if len(name) > _SIGNER_LENGTH_MAX:
        wrong.too_long(path, _SIGNER_LENGTH_MAX)


def _labels(path: str, text: str, rule: NameRule, wrong: Errors) -> None:
    """The first part of the text that breaks the rule tells of the rest as well."""
    for label in text.split("."):
        if said := rule(label):
            wrong.each_invalid(path, text, [f'validating label "{label}": {each}' for each in said])
            return


def organizations(raw: bytes) -> list[str]:
    """The groups that a certificate for this request would make its owner a member of.

    Raises:
        ValueError: the bytes are no request.
    """
    try:
        subject = _parsed(raw).subject
    except _UNREADABLE as error:
        raise ValueError(str(error) or _SYNTAX) from None
    return [str(each.value) for each in subject.get_attributes_for_oid(x509.NameOID.ORGANIZATION_NAME)]


def _parsed(raw: bytes) -> x509.CertificateSigningRequest:
    block = next(iter(pem_blocks(raw)), None)
    if block is None or block.label != "CERTIFICATE REQUEST":
        raise ValueError("PEM block type must be CERTIFICATE REQUEST")
    return x509.load_der_x509_csr(block.data)


def _unfit_request(raw: bytes) -> str:
    try:
        return "" if _parsed(raw).is_signature_valid else "x509: the signature of the request is not valid"
    except UnsupportedAlgorithm:
        return "x509: cannot verify signature: algorithm unimplemented"
    except _UNREADABLE as error:
        return str(error) or _SYNTAX


def _unfit_certificate(raw: bytes) -> str:
    blocks = list(pem_blocks(raw))
    for block in blocks:
        if why := _unfit_block(block):
            return why
    return "" if blocks else "must contain at least one CERTIFICATE PEM block"


def _unfit_block(block: PemBlock) -> str:
    if block.label != "CERTIFICATE":
        return f'only CERTIFICATE PEM blocks are allowed, found "{block.label}"'
    if block.headers:
        return "no PEM block headers are permitted"
    if not block.data:
        return "found CERTIFICATE PEM block containing 0 certificates"
    try:
        x509.load_der_x509_certificate(block.data)
    except _UNREADABLE as error:
        return str(error) or _SYNTAX
    return ""
