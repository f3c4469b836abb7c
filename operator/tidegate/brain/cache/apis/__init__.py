"""The APIs whose streams are made of events with names; chat's, of one kind of chunks, stands in whole.py and replay.py.

streams.py                  what all streams have in common
messages.py, responses.py   an API each: a stream put together, whether an answer is whole, a stream made of it
api.py                      which there are
"""
