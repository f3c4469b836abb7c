"""How much clients may ask for: counted where all routers of a policy see it, or here.

asking ─▶ rules ─▶ windows | store ─▶ answer          while a request waits (counting.py puts it together)
pace ─▶ allowances ◀─ ledger                         what passes without a question (native/src/allowance.rs)
record ─▶ reservation ─▶ owed ─▶ windows, store       when it has ended
"""
