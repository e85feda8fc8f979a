"""What this service needs in a Gitea, as parts of a bootstrap: made with an administrator's rights.

The service gets an account of its own that administers nothing but its organisations, and Argo CD
one that reads code and nothing else.
"""
