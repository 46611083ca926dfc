"""One call along a chain: decisions without sockets, and the drivers that carry them out."""
