"""The interfaces that invariants judge: what an implementation is given, what it returns, and what it claims.

One file an interface. They know nothing of the code that trains: anyone's code can be put behind them.
"""
