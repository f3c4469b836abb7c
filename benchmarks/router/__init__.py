"""What a request costs in the router: microseconds of the Envoy process's CPU, form by form.

A form is an Envoy configuration (`forms.py`): plain Envoy, the router of an earlier commit, today's. All of them run at once, each
round drives one of them (`drive.py`) against the same engine (`engine.py`), and the rounds of all forms take turns (`run.py`).
"""
