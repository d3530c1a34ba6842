"""Checks of ingresses and their classes. Source: Kubernetes ``pkg/apis/networking/validation``."""

import re
from typing import Final

from k3py.model import names
from k3py.model.generated import core_v1, networking_v1
from k3py.objects.fields import Errors
from k3py.objects.validation.addresses import check_address, parse_address
from k3py.objects.validation.services import balancer_hostname

CLASS_ANNOTATION: Final = "kubernetes.io/ingress.class"
CONTROLLER_LENGTH_MAX: Final = 250
PATH_TYPES: Final = ("Exact", "ImplementationSpecific", "Prefix")
SCOPES: Final = ("Cluster", "Namespace")
_UNFIT_SEQUENCES: Final = ("//", "/./", "/../", "%2f", "%2F")
_UNFIT_ENDS: Final = ("/..", "/.")
_HTTP_PATH: Final = r"[A-Za-z0-9/\-._~%!$&'()*+,;=:]+"
_WILDCARD: Final = r"\*\." + names.DNS_1123_SUBDOMAIN
_WILDCARD_RULE: Final = names.mismatch(
    "a wildcard DNS-1123 subdomain must start with '*.', followed by a valid DNS subdomain, which must consist of lower"
    " case alphanumeric characters, '-' or '.' and end with an alphanumeric character",
    _WILDCARD,
    "*.example.com",
)


def ingress(obj: networking_v1.Ingress, wrong: Errors) -> None:
    """Everything that is wrong with an ingress."""
    _ingress(obj, wrong, (), False)


def new_ingress(obj: networking_v1.Ingress, wrong: Errors) -> None:
    """A new ingress may name its class in the annotation and the field only if they agree."""
    said, named = obj.metadata.annotations.get(CLASS_ANNOTATION), obj.spec.ingress_class_name
    if said is not None and named is not None and said != named:
        wrong.invalid(f"annotations.{CLASS_ANNOTATION}", said, "must match `ingressClassName` when both are specified")


def ingress_update(new: networking_v1.Ingress, old: networking_v1.Ingress, wrong: Errors) -> None:
    """Names of secrets and rules of wildcard hosts that were let in once may stay as they are."""
    secrets = [each.secret_name for each in old.spec.tls if _secret_name(each.secret_name)]
    wildcards = any("*" in rule.host and _has_unfit_value(rule) for rule in old.spec.rules)
    if secrets or wildcards:
        wrong.causes[:] = [cause for cause in wrong.causes if not cause.field.startswith("spec")]
        _ingress(new, wrong, secrets, wildcards)


def _ingress(obj: networking_v1.Ingress, wrong: Errors, any_secrets: list[str] | tuple[()], any_wildcard: bool) -> None:
    spec = obj.spec
    if not spec.rules and spec.default_backend is None:
        wrong.invalid("spec", None, "either `defaultBackend` or `rules` must be specified")
    if spec.default_backend is not None:
        _backend(spec.default_backend, "spec.defaultBackend", wrong)
    for index, rule in enumerate(spec.rules):
        _host(rule.host, f"spec.rules[{index}].host", wrong)
        if rule.http is not None and not (any_wildcard and "*" in rule.host):
            _http(rule.http, f"spec.rules[{index}].http", wrong)
    for index, tls in enumerate(spec.tls):
        for position, host in enumerate(tls.hosts):
            wrong.each_invalid(f"spec.tls[{index}].hosts[{position}]", host, _host_name(host))
        if not any_secrets:
            wrong.each_invalid(f"spec.tls[{index}].secretName", tls.secret_name, _secret_name(tls.secret_name))
    if spec.ingress_class_name is not None:
        said = names.dns_1123_subdomain(spec.ingress_class_name)
        wrong.each_invalid("spec.ingressClassName", spec.ingress_class_name, said)


def ingress_status(new: networking_v1.Ingress, old: networking_v1.Ingress, wrong: Errors) -> None:
    """Addresses of the load balancer."""
    kept = {each.ip for each in old.status.load_balancer.ingress}
    for index, each in enumerate(new.status.load_balancer.ingress):
        path = f"status.loadBalancer.ingress[{index}]"
        if each.ip:
            check_address(f"{path}.ip", each.ip, wrong, kept)
        balancer_hostname(f"{path}.hostname", each.hostname, wrong)


def ingress_warnings(obj: networking_v1.Ingress) -> list[str]:
    """The annotation in place of the field."""
    if CLASS_ANNOTATION in obj.metadata.annotations and obj.spec.ingress_class_name is None:
        return [f"annotation \"{CLASS_ANNOTATION}\" is deprecated, please use 'spec.ingressClassName' instead"]
    return []


def ingress_class(obj: networking_v1.IngressClass, wrong: Errors) -> None:
    """Everything that is wrong with a class of ingresses."""
    path, controller = "spec.controller", obj.spec.controller
    if len(controller) > CONTROLLER_LENGTH_MAX:
        wrong.too_long(path, CONTROLLER_LENGTH_MAX)
    domain, _, rest = controller.partition("/")
    if not controller:
        wrong.required(path)
    elif not domain or not rest:
        wrong.invalid(path, controller, 'must be a domain-prefixed path (such as "acme.io/foo")')
    else:
        wrong.each_invalid(path, domain, names.dns_1123_subdomain(domain))
        if not re.fullmatch(_HTTP_PATH, rest, re.ASCII):
            wrong.invalid(path, rest, names.mismatch("Invalid path", _HTTP_PATH))
    if obj.spec.parameters is not None:
        _parameters(obj.spec.parameters, "spec.parameters", wrong)


def ingress_class_update(new: networking_v1.IngressClass, old: networking_v1.IngressClass, wrong: Errors) -> None:
    """The controller stays."""
    first = Errors()
    first.immutable("spec.controller", new.spec.controller, old.spec.controller)
    wrong.causes[:0] = first.causes


def _host_name(host: str) -> list[str]:
    if "*" not in host:
        return names.dns_1123_subdomain(host)
    too_long = [names.too_long(names.SUBDOMAIN_LENGTH_MAX)] if len(host) > names.SUBDOMAIN_LENGTH_MAX else []
    return too_long + ([] if re.fullmatch(_WILDCARD, host, re.ASCII) else [_WILDCARD_RULE])


def _host(host: str, path: str, wrong: Errors) -> None:
    if not host:
        return
    if parse_address(host) is not None:
        wrong.invalid(path, host, "must be a DNS name, not an IP address")
    wrong.each_invalid(path, host, _host_name(host))


def _secret_name(name: str) -> list[str]:
    return names.dns_1123_subdomain(name) if name else []


def _has_unfit_value(rule: networking_v1.IngressRule) -> bool:
    found = Errors()
    if rule.http is not None:
        _http(rule.http, "", found)
    return bool(found)


def _http(value: networking_v1.HTTPIngressRuleValue, path: str, wrong: Errors) -> None:
    if not value.paths:
        wrong.required(f"{path}.paths")
    for index, each in enumerate(value.paths):
        _path(each, f"{path}.paths[{index}]", wrong)


def _path(found: networking_v1.HTTPIngressPath, path: str, wrong: Errors) -> None:
    kind, text = found.path_type, found.path
    if kind is None:
        wrong.required(f"{path}.pathType", "pathType must be specified")
        return
    if kind not in PATH_TYPES:
        wrong.unsupported(f"{path}.pathType", kind, PATH_TYPES)
    elif (text or kind != "ImplementationSpecific") and not text.startswith("/"):
        wrong.invalid(f"{path}.path", text, "must be an absolute path")
    if kind in ("Exact", "Prefix"):
        for each in _UNFIT_SEQUENCES:
            if each in text:
                wrong.invalid(f"{path}.path", text, f"must not contain '{each}'")
        for each in _UNFIT_ENDS:
            if text.endswith(each):
                wrong.invalid(f"{path}.path", text, f"cannot end with '{each}'")
    _backend(found.backend, f"{path}.backend", wrong)


def _backend(backend: networking_v1.IngressBackend, path: str, wrong: Errors) -> None:
    service, resource = backend.service, backend.resource
    if service is not None and resource is not None:
        wrong.invalid(path, "", "cannot set both resource and service backends")
    elif resource is not None:
        _reference(resource, f"{path}.resource", wrong)
    elif service is None:
        wrong.invalid(path, "", "resource or service backend is required")
    else:
        wrong.needs(f"{path}.service.name", service.name, names.dns_1123_label)
        port = service.port
        if port.name and port.number:
            wrong.invalid(path, "", "cannot set both port name & port number")
        elif port.name:
            wrong.each_invalid(f"{path}.service.port.name", port.name, names.port_name(port.name))
        elif port.number:
            wrong.each_invalid(f"{path}.service.port.number", port.number, names.port_number(port.number))
        else:
            wrong.required(path, "port name or number is required")


def _reference(
    reference: core_v1.TypedLocalObjectReference | networking_v1.IngressClassParametersReference,
    path: str,
    wrong: Errors,
) -> None:
    if reference.api_group is not None:
        wrong.each_invalid(f"{path}.apiGroup", reference.api_group, names.dns_1123_subdomain(reference.api_group))
    for field, value in (("kind", reference.kind), ("name", reference.name)):
        wrong.needs(f"{path}.{field}", value, names.path_segment)


def _parameters(parameters: networking_v1.IngressClassParametersReference, path: str, wrong: Errors) -> None:
    _reference(parameters, path, wrong)
    scope, namespace = parameters.scope, parameters.namespace
    if scope is None:
        wrong.required(f"{path}.scope")
    elif scope not in SCOPES:
        wrong.unsupported(f"{path}.scope", scope, SCOPES)
    elif scope == "Namespace" and namespace is None:
        wrong.required(f"{path}.namespace", "`parameters.scope` is set to 'Namespace'")
    elif scope == "Namespace" and namespace is not None:
        wrong.each_invalid(f"{path}.namespace", namespace, names.dns_1123_label(namespace))
    elif namespace is not None:
        wrong.forbidden(f"{path}.namespace", "`parameters.scope` is set to 'Cluster'")
