"""What the pytest plugin does with its hooks: options, ledgers, cases, judging, the last lines.

Only this package, ``plugin`` and the fixtures know pytest. Nothing numeric is imported at the top
of a module that every session loads.
"""
