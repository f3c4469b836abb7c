"""`tidegate route`: a policy's router on this machine, without a cluster.

policy.yaml ─▶ document ─┐                        ┌─▶ envoy ─▶ lines
--endpoint ─▶ endpoints ─┴─▶ the brain's Router ──┘
"""
