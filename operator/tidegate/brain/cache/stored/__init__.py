"""What the routers of a tier keep together in their store (L2), under names with one hash tag, so that a cluster has them on one node.

get    ─▶ names ─▶ (line) ─▶ codec                     a miss where it is away, slow or damaged
put    ─▶ writing ─▶ codec ─▶ put.lua, which keeps the bound: index by expiry, size and About of each
purge  ─▶ recent, news ─▶ listing ─▶ forget.lua
news   ─▶ tell.lua ─▶ a stream ─▶ feed ─▶ who watches   vectors, purges, what is forgotten

together.py puts it together.
"""
