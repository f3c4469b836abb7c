"""A revision on trial before its objectives: over which times it is judged, what Prometheus is asked, and what the answers say.

windows ──▶ questions ──▶ (an observer asks) ──▶ looks ──▶ gates
"""
