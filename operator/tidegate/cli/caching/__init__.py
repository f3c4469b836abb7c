"""`tidegate cache` and `kubectl tidegate cache`: what routers keep, whether they keep an answer to this, and to forget some.

main ─▶ run ─▶ seen (the policy's document and its routers) ─▶ explain, stats: pure
             └▶ purge (kubectl exec) ─▶ here (in a router's Pod) ─▶ the brain's socket
"""
