"""What a request costs in the router: microseconds of CPU of all its processes, form by form.

A form is a router (`forms.py`): none, plain Envoy, others', ours with more and more to do. In each round all of them run, newly
started (`sides.py`), and take turns in being driven (`run.py`, `drive.py`) against the same engine (`engine.py`).
"""
