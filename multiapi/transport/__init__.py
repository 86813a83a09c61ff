"""httpx transports for many calls at once: a pool in constant time, and deadlines that hold within every wait.

They are `httpx.HTTPTransport` and `httpx.AsyncHTTPTransport` to everything outside, TLS, proxies and limits
included, so cassettes and mocks work; below is one HTTP/1.1 reader for both, instead of two over h11.

Nothing is imported here: who needs a lock of `holding` does not load the pools, and with them httpx.
"""
