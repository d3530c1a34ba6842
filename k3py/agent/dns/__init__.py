"""The cluster's DNS server on a node: names of services and pods, and the way to all other names."""
