"""One way of rewriting a file."""
