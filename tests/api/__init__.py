"""The API's rules, in Python and on a real API server, which ends with the last of them."""
