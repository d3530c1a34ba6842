"""Loads the eBPF programs of ``bpf/`` through bpf(2), with the standard library alone (and pyroute2 for filters).

::

    elf.py, btf.py -> object_file.py     bytes of a compiled object, taken apart; no kernel
    kernel.py                            bpf(2), one function per command
    maps.py, links.py, ring.py           what lives in the kernel and is reached by a descriptor or a pin
    attach.py                            programs at an interface: a link, or a filter where there are none
    loader.py                            an object, its constants and shared maps become programs
    abi.py                               structs and lists that the programs and Python share
"""
