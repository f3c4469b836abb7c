"""Whether a candidate may get more traffic: pure decisions from counts, on nothing but the standard library.

    counters ──▶ counts ──▶ evidence ──▶ judge ──┐
    raw series   a look     odds         words   ├──▶ verdict ──▶ together: promote, hold, roll back or pause
                            answer ──▶ custom ───┘

`evidence` holds the equations; `judge`, `custom` and `together` each hold a truth table. Time, answers and limits are arguments.
"""
