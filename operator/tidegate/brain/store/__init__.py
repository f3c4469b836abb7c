"""A Redis or Valkey that routers share: how it is found, spoken with, and kept connected. What is asked of it says who asks.

where ─▶ line ─▶ resp;  scripts, that whoever asks brings
"""
