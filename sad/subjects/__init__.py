"""The interfaces that invariants judge: what an implementation is given, what it returns, and what it claims.

One file an interface; `probe` asks one of a divergence and says what it should give, `plain` is each thing in its
plainest form. They know nothing of the code that trains: anyone's code can be put behind them.
"""
