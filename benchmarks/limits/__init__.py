"""What a decision about limits costs the brain: microseconds of Python, from the bytes of Envoy's question to those of the answer."""
