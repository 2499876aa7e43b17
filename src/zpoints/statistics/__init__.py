"""The mathematics: arrays in, numbers out. No files, no torch, no printing.

Every quantity that grows with the data is a *summary* with three verbs: ``Summary.of(block)``, ``a + b``, and
its read-outs. How the data was cut into blocks does not change the result.
"""
