"""What an autoscaler does to a model's users and to the bill: the decision of `tidegate.plan.scaling`, beside others, in a simulation.

    traces ──▶ requests ──▶ fleet of engines ──▶ misses, GPU-hours, flips
                                  ▲ └─ samples, every 5 s ─▶ ours | rivals | clairvoyant ─┐
                                  └────────────── replicas ◀─────────────────────────────┘

Everything here is simulated: `engine.py` says what an engine is and from which public figures, `traces.py` what traffic, `fleet.py` what
a cluster does, `rivals.py` what others decide. The same seed gives the same figures.
"""
