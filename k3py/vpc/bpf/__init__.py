"""Loads the eBPF programs of ``bpf/`` through bpf(2), with the standard library alone.

::

    elf.py, btf.py -> object_file.py     bytes of a compiled object, taken apart; no kernel
    kernel.py                            bpf(2), one function per command
    maps.py, links.py, ring.py           what lives in the kernel and is reached by a descriptor or a pin
    loader.py                            an object, its constants and shared maps become programs
    abi.py                               structs and lists that the programs and Python share
"""
