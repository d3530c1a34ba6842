"""The two addresses of the services' range that every Kubernetes distribution gives the same meaning."""

from ipaddress import IPv4Address, IPv4Network


def api_address(service_cidr: IPv4Network) -> IPv4Address:
    """The address of the service ``kubernetes``: the first one."""
    return service_cidr.network_address + 1


def dns_address(service_cidr: IPv4Network) -> IPv4Address:
    """The address of the cluster's DNS: the tenth one."""
    return service_cidr.network_address + 10
