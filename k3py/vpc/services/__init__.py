"""Services, resolved at the socket: a process that connects to a service's address is led to one of its backends.

::

    table.py         Service and EndpointSlice objects become ``ServicePort``s, by Kubernetes' rules; decides
    entries.py       ServicePorts become entries of the kernel's maps; decides
    diff.py          what to write, in an order in which no connection is lost; decides
    node_ports.py    what outsiders reach through the node's own addresses; decides
    abi.py           structs that the programs (``bpf/services.bpf.c``) and Python share
    records.py       entries to the maps' bytes and back; speaks
    sock_diag.py     the kernel's list of sockets; speaks
    maps.py          ``ServiceMaps``, the whole; acts
    pins.py          maps and links in bpffs; acts
    udp_cut.py       ends connected UDP sockets whose backend went away; acts
    late.py          ``ServiceMaps`` as soon as the cluster's id is known; acts
    cgroups.py       where the programs are attached; acts
"""
