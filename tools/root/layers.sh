# The kernel's own shell can ask an overlay for its layers, a path for the one that it comes from, and what has changed.
overlay layers /
overlay which /etc/motd
overlay diff /
