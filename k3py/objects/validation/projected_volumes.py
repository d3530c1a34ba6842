"""Checks of volumes whose files come from objects: ConfigMaps, Secrets, the pod itself, tokens, certificates."""

from typing import Any, Final

from k3py.model import names
from k3py.model.generated import core_v1
from k3py.objects.fields import Errors
from k3py.objects.validation.environment import file_field_reference, resource_reference
from k3py.objects.validation.go_names import go_names
from k3py.objects.validation.local_paths import file_mode, not_reserved
from k3py.objects.validation.scheduling import label_selector

TOKEN_SECONDS_MIN: Final = 600
TOKEN_SECONDS_MAX: Final = 1 << 32
CERTIFICATE_SECONDS_MIN: Final = 3600
CERTIFICATE_SECONDS_MAX: Final = 91 * 24 * 3600
_KEY_TYPES: Final = ("RSA3072", "RSA4096", "ECDSAP256", "ECDSAP384", "ECDSAP521", "ED25519")


def key_files(items: list[core_v1.KeyToPath], path: str, wrong: Errors) -> None:
    """Which keys become which files."""
    for index, item in enumerate(items):
        place = f"{path}[{index}]"
        if not item.key:
            wrong.required(f"{place}.key")
        if not item.path:
            wrong.required(f"{place}.path")
        not_reserved(item.path, f"{place}.path", wrong)
        file_mode(item.mode, f"{place}.mode", wrong)


def downward_files(items: list[core_v1.DownwardAPIVolumeFile], path: str, wrong: Errors) -> None:
    """Which fields of the pod become which files."""
    for item in items:
        if not item.path:
            wrong.required(f"{path}.path")
        not_reserved(item.path, f"{path}.path", wrong)
        if item.field_ref is not None:
            file_field_reference(item.field_ref, f"{path}.fieldRef", wrong)
            if item.resource_field_ref is not None:
                wrong.invalid(path, "resource", "fieldRef and resourceFieldRef can not be specified simultaneously")
        elif item.resource_field_ref is not None:
            resource_reference(item.resource_field_ref, True, f"{path}.resourceFieldRef", wrong)
        else:
            wrong.required(path, "one of fieldRef and resourceFieldRef is required")
        file_mode(item.mode, f"{path}.mode", wrong)


def projected(source: core_v1.ProjectedVolumeSource, path: str, wrong: Errors) -> None:
    """Several sources in one folder: no two give the same file."""
    file_mode(source.default_mode, f"{path}.defaultMode", wrong)
    taken: set[str] = set()
    for index, each in enumerate(source.sources):
        place, count = f"{path}.sources[{index}]", 0
        for wire, part in (("secret", each.secret), ("configMap", each.config_map)):
            if part is not None:
                count += 1
                _keys(part, f"{place}.{wire}", path, taken, wrong)
        if each.downward_api is not None:
            count += 1
            downward_files(each.downward_api.items, f"{place}.downwardAPI", wrong)
            for item in each.downward_api.items:
                _once(item.path, item.path, taken, path, wrong)
        if each.service_account_token is not None:
            count += 1
            _token(each.service_account_token, path, f"{place}.serviceAccountToken", wrong)
        if each.cluster_trust_bundle is not None:
            count += 1
            _trust_bundle(each.cluster_trust_bundle, f"{place}.clusterTrustBundle", wrong)
            _once(each.cluster_trust_bundle.path, each.cluster_trust_bundle.path, taken, path, wrong)
        if each.pod_certificate is not None:
            count += 1
            _certificate(each.pod_certificate, f"{place}.podCertificate", wrong)
            for file in _certificate_files(each.pod_certificate).values():
                _once(file, file, taken, path, wrong)
        if count > 1:
            wrong.forbidden(place, "may not specify more than 1 volume type per source")


def _keys(part: Any, place: str, path: str, taken: set[str], wrong: Errors) -> None:
    if not part.name:
        wrong.required(f"{place}.name")
    key_files(part.items, f"{place}.items", wrong)
    for item in part.items:
        _once(item.path, part.name, taken, path, wrong)


def _once(file: str, shown: str, taken: set[str], path: str, wrong: Errors) -> None:
    if file and file in taken:
        wrong.invalid(path, shown, "conflicting duplicate paths")
    taken.add(file)


def _token(source: core_v1.ServiceAccountTokenProjection, path: str, place: str, wrong: Errors) -> None:
    seconds = source.expiration_seconds
    if seconds is not None and seconds < TOKEN_SECONDS_MIN:
        detail = "may not specify a duration less than 10 minutes"
        wrong.invalid(f"{place}.expirationSeconds", seconds, detail)
    elif seconds is not None and seconds > TOKEN_SECONDS_MAX:
        wrong.invalid(f"{place}.expirationSeconds", seconds, "may not specify a duration larger than 2^32 seconds")
    if not source.path:
        wrong.required(f"{path}.path")
    else:
        not_reserved(source.path, f"{path}.path", wrong)


def _trust_bundle(source: core_v1.ClusterTrustBundleProjection, path: str, wrong: Errors) -> None:
    name, signer = source.name, source.signer_name
    if name is not None and signer is not None:
        wrong.invalid(path, go_names(source), "only one of name and signerName may be used")
    elif name is not None:
        if not name:
            wrong.required(f"{path}.name", "must be a valid object name")
        for said in names.dns_1123_subdomain(name.replace(":", ".")):
            wrong.invalid(f"{path}.name", name, f"not a valid clustertrustbundlename: {said}")
        if source.label_selector is not None:
            detail = "labelSelector must be unset if name is specified"
            wrong.invalid(f"{path}.labelSelector", source.label_selector, detail)
    elif signer is not None:
        if not signer:
            wrong.required(f"{path}.signerName", "must be a valid signer name")
        _signer(signer, f"{path}.signerName", wrong)
        if source.label_selector is not None:
            label_selector(source.label_selector, f"{path}.labelSelector", wrong)
    else:
        wrong.required(path, "either name or signerName must be specified")
    if not source.path:
        wrong.required(f"{path}.path")
    not_reserved(source.path, f"{path}.path", wrong)


def _signer(name: str, path: str, wrong: Errors) -> None:
    if not name:
        wrong.required(path)
        return
    domain, slash, rest = name.partition("/")
    if not slash or not rest or "/" in rest:
        detail = "must be a fully qualified domain and path of the form 'example.com/signer-name'"
        wrong.invalid(path, name, detail)
        return
    for said in names.dns_1123_subdomain(domain):
        wrong.invalid(path, domain, f"validating label {domain!r}: {said}".replace("'", '"', 2))
    for said in names.dns_1123_subdomain(rest):
        wrong.invalid(path, rest, f"validating label {rest!r}: {said}".replace("'", '"', 2))


def _certificate_files(source: core_v1.PodCertificateProjection) -> dict[str, str]:
    files = {"credentialBundlePath": source.credential_bundle_path, "keyPath": source.key_path,
             "certificateChainPath": source.certificate_chain_path}  # fmt: skip
    return {wire: file for wire, file in files.items() if file}


def _certificate(source: core_v1.PodCertificateProjection, path: str, wrong: Errors) -> None:
    _signer(source.signer_name, f"{path}.signerName", wrong)
    if source.key_type not in _KEY_TYPES:
        wrong.unsupported(f"{path}.keyType", source.key_type, _KEY_TYPES)
    seconds, place = source.max_expiration_seconds, f"{path}.maxExpirationSeconds"
    if seconds is not None and seconds < CERTIFICATE_SECONDS_MIN:
        wrong.invalid(place, seconds, "if provided, maxExpirationSeconds must be >= 3600")
    elif seconds is not None and seconds > CERTIFICATE_SECONDS_MAX:
        wrong.invalid(place, seconds, "if provided, maxExpirationSeconds must be <= 7862400")
    files = _certificate_files(source)
    if not files:
        wrong.required(path, "specify at least one of credentialBundlePath, keyPath, and certificateChainPath")
    for wire, file in files.items():
        not_reserved(file, f"{path}.{wire}", wrong)
