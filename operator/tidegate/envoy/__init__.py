"""RouterConfig and endpoints as Envoy resources: pure functions that make dicts, sent as JSON (never string templates)."""
