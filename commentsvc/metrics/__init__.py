"""What Prometheus reads at /metrics.

Two kinds of numbers, each where it adds up by itself. What happens in a web process (requests, its
database pool) is counted there; several processes of one server keep their counts in files that
prometheus-client adds up. What happens to comments is in the database already, whichever process or
machine did it: it is read from there when somebody asks, so that no worker needs a port or a
shared folder, nothing is lost with a process, and a comment costs no counting.
"""
