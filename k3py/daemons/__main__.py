"""A daemon as a process: ``python -m k3py.daemons NAME DESCRIPTOR``; ``start.become`` runs it."""

from k3py.daemons.start import main

if __name__ == "__main__":
    main()
