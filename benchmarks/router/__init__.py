"""What a request costs in the router: microseconds of the Envoy process's CPU, form by form.

A form is an Envoy configuration (`forms.py`): plain Envoy, the router of an earlier commit, today's. In each round
all of them run, newly started, and take turns in being driven (`run.py`, `drive.py`) against the same engine (`engine.py`).
"""
