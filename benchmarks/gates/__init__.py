"""What the gates of a rollout do: whole rollouts on simulated traffic, judged at each look by Tidegate's rule and by two others.

All rollouts of a case walk side by side, look by look (`walk.py`), on counts that `traffic.py` draws. `ours.py` is the judge of
`tidegate.plan.gates` for many rollouts at once, and a test holds the two equal; `rivals.py` has what others do.
"""
