"""Decisions that Envoy asks for while a request waits: one small HTTP server on a Unix socket, and pure steps behind it."""
