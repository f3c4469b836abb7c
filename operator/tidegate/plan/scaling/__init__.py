"""How many engines a model should have: pure decisions from what engines, routers and Prometheus say.

    engines.metrics ─▶ seen ──▶ ticks ──▶ learned, headroom, startup, forecast ──▶ demand ──┐
    a page's lines     a look   windows   what this model teaches                           ├──▶ signals ──▶ limits ──▶ decide
                                                                     latencies, queries ────┘    answers     policies, windows, zero, schedules

`decide.decide(seen, settings, state)` is the whole of it; each module's docstring has its equations, its truth table and an example.
"""
