"""Git: objects and references of bare repositories in-process, the network by the git program."""
