"""One record of each request, from Envoy's access log to metrics: off the hot path, and lost rather than in anybody's way."""
