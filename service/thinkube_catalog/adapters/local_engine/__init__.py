"""The embedded GitOps engine: applications as supervised processes on this machine.

`engine.LocalEngine` is the port's implementation. `shim` and `router` are programs of their own,
which outlive the service; importing this package must stay cheap for them.
"""
