"""The data plane beside Envoy: turns the policy's RouterConfig and its engines into files that Envoy runs."""
