"""The kernel side of the VPC daemon: makes what is wanted (``wanted.py``) true in links, routes, rules and programs.

::

    values.py, names.py                      what is wanted and seen, as values; how things are called
    layout.py, entries.py, ruleset.py        decide: Wanted -> routes and addresses, map entries, nft's text
    actions.py, plan.py, host_checks.py      decide: wanted and seen -> ordered actions; what doctor says
    netlink.py, links.py, routes.py,         act, one kind of thing each
      namespaces.py, sysctls.py, nft.py,
      programs.py, attachments.py, notes.py,
      maps.py, dump.py, seen.py
    runner.py                                carries a plan out
    watch.py, events.py                      wake up when something changed, or a packet was dropped
    node.py, reset.py                        the whole: ``ports.Node``; everything away
"""
